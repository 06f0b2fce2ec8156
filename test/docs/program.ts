import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, sep } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { leftFiles, markedProcesses } from '../leftovers/leftovers.ts'

/** How long anything that a block does may take; only one that hangs takes as long. */
const patienceMs = 30_000
/** What a gateway that is killed leaves to its watchdog is gone after 5 s. */
const endMs = 7_000

/** A process that runs a block, with all that it starts. */
export class Program {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  /** @param temporary - An empty folder for its temporary files, whose path also marks all that it starts. */
  constructor(
    args: readonly string[],
    cwd: string,
    private readonly temporary: string,
  ) {
    const path = `${process.env['PATH'] ?? ''}${delimiter}${temporary}`
    this.#child = spawn(process.execPath, args, {
      cwd,
      env: { ...readersVariables(), TMPDIR: temporary, PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#closed = once(this.#child, 'close')
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (this.stdout += chunk))
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk))
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Waits for its own end. */
  async toEnd(): Promise<void> {
    if (!(await this.#within(patienceMs))) {
      throw new Error(
        `it did not end within ${patienceMs} ms; a server is visited by curl in a block below it`,
      )
    }
    const { exitCode, signalCode } = this.#child
    if (exitCode !== 0)
      throw new Error(`it ended with ${signalCode ?? `the exit code ${exitCode}`}`)
  }

  /** Tries until `attempt` no longer fails since nobody listens. */
  async onceItListens<T>(attempt: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (!['ECONNREFUSED', 'ENOENT'].includes(code)) throw error
        if (this.ended) throw new Error('it ended and did not listen', { cause: error })
        if (performance.now() > deadline)
          throw new Error(`it did not listen within ${patienceMs} ms`, { cause: error })
      }
      await pause(20)
    }
  }

  /** Ends it, and throws where something of it is left. */
  async close(): Promise<void> {
    this.#child.kill('SIGTERM')
    if (!(await this.#within(endMs))) this.#child.kill('SIGKILL')
    await this.#closed
    const deadline = performance.now() + endMs
    while (this.#isEnding() && performance.now() < deadline) await pause(50)
    const processes = markedProcesses(this.temporary)
    const left = [
      ...processes.map(({ pid, command }) => `process ${pid} (${command})`),
      ...leftFiles(this.temporary).map((name) => `the temporary file ${name}`),
    ]
    for (const { pid } of processes) process.kill(pid, 'SIGKILL')
    if (left.length > 0) throw new Error(`it left ${left.join(', ')}`)
  }

  /** Alcove's watchdog, which nothing marks, removes the process spawner's folder last; nobody would remove other files. */
  #isEnding(): boolean {
    const files = leftFiles(this.temporary)
    return files.some((name) => name.includes(sep)) || markedProcesses(this.temporary).length > 0
  }

  /** Whether it has ended by itself. */
  async #within(ms: number): Promise<boolean> {
    const late = new AbortController()
    const timer = pause(ms, false, { signal: late.signal }).catch(() => false)
    const ended = await Promise.race([this.#closed.then(() => true), timer])
    late.abort()
    return ended
  }
}

/** Without what vitest has set: a framework behaves in another way in tests, and colours are not in the pages. */
function readersVariables(): NodeJS.ProcessEnv {
  const foreign = /^(VITEST|NODE_ENV$|NODE_OPTIONS$|FORCE_COLOR$|NO_COLOR$|TEST$|DEV$|PROD$|MODE$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}
