import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ObservedProcess } from './observed-process.ts'

/** A server of `programs/` in a process of its own. */
export class Program implements AsyncDisposable {
  readonly port: number
  readonly observed: ObservedProcess
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    this.observed = new ObservedProcess(child.pid ?? 0)
  }

  /** @param nodeOptions - Of Node.js itself. */
  static async start(
    name: string,
    words: readonly (string | number)[] = [],
    nodeOptions: readonly string[] = [],
  ): Promise<Program> {
    const child = fork(join(import.meta.dirname, 'programs', `${name}.ts`), words.map(String), {
      // Node.js's own warnings, of http-proxy's age and of TypeScript in Node.js 22.
      execArgv: ['--no-warnings', ...nodeOptions],
    })
    const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown]
    if (child.exitCode === null && typeof said === 'number') return new Program(child, said)
    throw new Error(`${name} ended before it listened`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit')
    if (this.#child.kill('SIGKILL')) await exited
  }
}
