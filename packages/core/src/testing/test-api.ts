/** What a conformance suite needs of a test runner: vitest, node:test, Mocha and Jest all have it. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: (name: string, body: () => void | Promise<void>) => unknown
}
