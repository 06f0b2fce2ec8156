import assert from 'node:assert/strict'
import type { Endpoint } from '../environment/endpoint.js'
import type { ExitInfo, Sink, Status } from '../spawning/spawner.js'
import { inTime } from './in-time.js'

const reasons: ReadonlySet<unknown> = new Set<ExitInfo['reason']>([
  'exited',
  'signalled',
  'out-of-memory',
  'evicted',
  'lost',
  'port-taken',
])

/** What an observer has been told. */
export class ObservedInstance implements Sink {
  /** In the order of their coming, the present one first. */
  readonly statuses: Status[] = []
  readonly lines: string[]
  /** How many lines had come when `gone` did. */
  linesAtEnd: number | undefined
  readonly #controller = new AbortController()
  readonly #patienceMs: number
  readonly #wrong: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor(patienceMs: number, lines: readonly string[]) {
    this.#patienceMs = patienceMs
    this.lines = [...lines]
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** How often `gone` was told. */
  get ends(): number {
    return this.statuses.filter(({ is }) => is === 'gone').length
  }

  /** Takes the status that `observe()` itself has resolved to. */
  resolved(status: Status): void {
    this.#check(status)
    this.statuses.unshift(status)
    this.#wake()
  }

  status(status: Status): void {
    if (this.signal.aborted) this.#wrong.push(`it was told ${status.is} after the abort`)
    if (this.ends > 0) this.#wrong.push(`it was told ${status.is} after gone`)
    this.#check(status)
    this.statuses.push(status)
    this.#wake()
  }

  log(line: string): void {
    if (this.signal.aborted) this.#wrong.push(`it was told a line after the abort: ${line}`)
    if (/[\r\n]$/.test(line)) this.#wrong.push(`a line came with its end: ${JSON.stringify(line)}`)
    this.lines.push(line)
    this.#wake()
  }

  progress(step: { readonly phase: string; readonly text: string }): void {
    if (typeof step.phase !== 'string' || typeof step.text !== 'string') {
      this.#wrong.push(`a step has a phase and a text, got ${JSON.stringify(step)}`)
    }
  }

  /** Ends the observation. */
  abort(): void {
    this.#controller.abort(new Error('nobody observes it any more'))
  }

  running(): Promise<Endpoint> {
    return this.#until('the status "running"', () => {
      const last = this.statuses.at(-1)
      assert.notEqual(last?.is, 'gone', `it ended: ${JSON.stringify(last)}`)
      return last?.is === 'running' ? last.endpoint : undefined
    })
  }

  suspended(): Promise<Endpoint> {
    return this.#until('the status "suspended"', () => {
      const last = this.statuses.at(-1)
      return last?.is === 'suspended' ? last.endpoint : undefined
    })
  }

  gone(): Promise<ExitInfo> {
    return this.#until('the status "gone"', () => {
      const end = this.statuses.find((status) => status.is === 'gone')
      return end?.exit
    })
  }

  async printed(line: string): Promise<void> {
    await this.#until(
      `the line ${JSON.stringify(line)}`,
      () => this.lines.includes(line) || undefined,
    )
  }

  /** Fails where something was told that must not be. */
  assertInOrder(): void {
    assert.deepEqual(this.#wrong, [], 'an observer was told something wrong')
  }

  #check(status: Status): void {
    if (status.is === 'gone') {
      this.linesAtEnd ??= this.lines.length
      if (!reasons.has(status.exit.reason)) {
        this.#wrong.push(`an exit has no reason ${JSON.stringify(status.exit.reason)}`)
      }
    } else if (status.is !== 'pending') {
      const { endpoint } = status
      if (!['tcp', 'unix', 'dial'].includes(endpoint.kind)) {
        this.#wrong.push(`an endpoint has no kind ${JSON.stringify(endpoint.kind)}`)
      }
      assert.deepEqual(JSON.parse(JSON.stringify(endpoint)), endpoint, 'an endpoint has to be JSON')
    }
  }

  #until<T>(what: string, look: () => T | undefined): Promise<T> {
    let settle: () => void = () => {}
    const found = new Promise<T>((resolve, reject) => {
      settle = () => {
        try {
          const result = look()
          if (result !== undefined) resolve(result)
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.add(settle)
      settle()
    })
    return inTime(
      found,
      this.#patienceMs,
      () => `${what}; it was told ${JSON.stringify(this.statuses)}`,
    ).finally(() => this.#waiting.delete(settle))
  }

  #wake(): void {
    for (const settle of this.#waiting) settle()
  }
}
