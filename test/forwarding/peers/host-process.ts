import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Order, Report, Setup } from './orders.ts'

/** How long a program may take to close what it opened for one case. */
const closeLimitMs = 2000

/** A program of `programs/` in a process of its own, which serves one case after the other. */
export class HostProcess {
  readonly #child: ChildProcess
  readonly #exit: Promise<void>
  readonly #ready: Promise<void>
  #stderr = ''
  #crash: string | undefined
  #leaving = false

  constructor(program: string) {
    // Without the options of this process: a test runner's are not meant for it.
    this.#child = fork(program, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-8192)
    })
    // Not "exit": what it said last is to be read first.
    this.#exit = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        if (!this.#leaving) this.#crash = crashReason(this.#stderr, signal ?? `code ${code}`)
        resolve()
      })
    })
    this.#ready = this.#report().then(() => {})
    // An order to a process that is gone; that it is gone is known from its exit.
    this.#child.on('error', () => {})
  }

  /** Why it is not there any more, or will not be used again. */
  get crash(): string | undefined {
    return this.#crash
  }

  /** Resolves when it takes orders, or is gone. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Lets it listen, and resolves to its port. @throws where it can't. */
  async listen(setup: Setup): Promise<number> {
    const report = await this.#order({ listen: setup })
    if (!report || !('port' in report)) {
      throw new Error(`It did not start: ${this.#crash ?? 'it answered something else'}`)
    }
    return report.port
  }

  /** Closes what it opened, and resolves to whether it is as good as new. */
  async close(): Promise<boolean> {
    const report = await Promise.race([
      this.#order({ close: true }),
      delay(closeLimitMs, undefined, { ref: false }),
    ])
    if (report && 'closed' in report) return true
    await this.end()
    return false
  }

  /** Ends it, and resolves when it is gone. */
  async end(): Promise<void> {
    this.#leaving = true
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  async #order(order: Order): Promise<Report | undefined> {
    await this.#ready
    const report = this.#report()
    if (this.#child.connected) this.#child.send(order, () => {})
    return report
  }

  /** Its next report, or `undefined` where it exits before it makes one. */
  async #report(): Promise<Report | undefined> {
    const made = new AbortController()
    const report = once(this.#child, 'message', { signal: made.signal }).then(
      ([message]) => message as Report,
      () => undefined,
    )
    const first = await Promise.race([report, this.#exit.then(() => undefined)])
    made.abort()
    return first
  }
}

/** The line of a program's last words that names the error, and how it exited. */
export function crashReason(stderr: string, how: string): string {
  const error = /^(?:Uncaught )?\w*(?:Error|Exception)\b.*$/m.exec(stderr)?.[0]
  return error === undefined ? `exited with ${how}` : `${error} (exited with ${how})`
}
