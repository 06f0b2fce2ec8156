const events = ['uncaughtException', 'unhandledRejection', 'warning'] as const
type Listener = (...parameters: unknown[]) => void

/** Notes what a process would end with, or complain of. */
export class ProcessWatch implements Disposable {
  readonly seen: string[] = []
  readonly #before = new Map<string, Listener[]>()
  readonly #mine = new Map<string, Listener>()

  constructor() {
    for (const event of events) {
      // The test runner's own would fail the run for each attempt to make a failing case smaller.
      this.#before.set(event, process.listeners(event as 'warning') as Listener[])
      process.removeAllListeners(event)
      const mine = (problem: unknown): void => {
        const { stack } = problem as Error
        this.seen.push(`${event}: ${stack ?? String(problem)}`)
      }
      this.#mine.set(event, mine)
      process.on(event as 'warning', mine)
    }
  }

  [Symbol.dispose](): void {
    for (const event of events) {
      process.off(event, this.#mine.get(event) as never)
      for (const listener of this.#before.get(event) ?? []) process.on(event as 'warning', listener)
    }
  }
}
