import type { AlcoveError } from '../errors.js'
import type { Line } from './line.js'

/** How many refusals an environment's clients get in a second; the others are held back. */
const refusalsPerSecond = 100
/** How many of them at once. */
const refusalBurst = 50
/** Whoever is refused has to be told before it gives up by itself. */
const mostDelayMs = 5_000

/** Counts refusals by their reasons, and says how long one is held back. */
export class Refusals {
  readonly #byCode = new Map<string, number>()
  readonly #counted = new WeakSet()

  /** How often each limit has turned somebody away, by the code of its error. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#byCode)
  }

  /** A body that is cut off may be answered with the same error: counted once. */
  count(error: AlcoveError): void {
    if (this.#counted.has(error)) return
    this.#counted.add(error)
    const { code } = error
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1)
  }

  /**
   * For how long a refusal is held back, so that clients which ask again at once can't keep the gateway busy with nothing else: it is
   * told at the speed at which refusals of its environment leave, and the first few at once.
   */
  delayMs(line: Line, nowMs: number): number {
    const spacingMs = 1_000 / refusalsPerSecond
    const earliestMs = line.nextRefusalMs - (refusalBurst - 1) * spacingMs
    const nextMs = Math.max(line.nextRefusalMs, nowMs) + spacingMs
    line.nextRefusalMs = Math.min(nextMs, nowMs + mostDelayMs + (refusalBurst - 1) * spacingMs)
    return Math.max(0, earliestMs - nowMs)
  }
}
