import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../clock.js'

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** How many timers are set and have neither fired nor been cancelled. */
  readonly pendingTimers: number
  /** In how many milliseconds the next timer fires; `undefined` where none is set. */
  readonly nextTimerMs: number | undefined
  /**
   * Lets `ms` milliseconds go by: fires the timers that fall due, those that they set too, each at its time and in order.
   * Before the first, between two and after the last, everything that promises have to do is done.
   *
   * @throws RangeError where `ms` is negative or no number.
   */
  advance(ms: number): Promise<void>
  /** As {@link advance}, but done when it returns: what promises have to do is left for later. */
  advanceSync(ms: number): void
}

/** Options of {@link manualClock}. */
export interface ManualClockOptions {
  /** What `nowMs()` begins with. @default 0 */
  readonly nowMs?: number
  /** What `wallMs()` begins with. @default the first of January 2026, UTC */
  readonly wallMs?: number
}

/**
 * Makes a clock for tests, to be passed where an option `clock` is.
 *
 * @example
 * ```ts
 * const clock = manualClock()
 * clock.setTimer(1_000, () => console.log('a second later'))
 * await clock.advance(1_000)
 * ```
 */
export function manualClock(options: ManualClockOptions = {}): ManualClock {
  const { nowMs: startMs = 0, wallMs: wallStartMs = Date.UTC(2026, 0, 1) } = options
  let nowMs = startMs
  // In the order of their setting, which decides between timers of one time.
  const timers = new Map<Timer, { readonly dueMs: number; readonly fire: () => void }>()

  const next = (): { timer: Timer; dueMs: number; fire: () => void } | undefined => {
    let first: { timer: Timer; dueMs: number; fire: () => void } | undefined
    for (const [timer, { dueMs, fire }] of timers) {
      if (!first || dueMs < first.dueMs) first = { timer, dueMs, fire }
    }
    return first
  }
  const end = (ms: number): number => {
    if (!(ms >= 0)) throw new RangeError(`Expected a clock to advance by 0 ms or more, got ${ms}`)
    return nowMs + ms
  }
  const fireNext = (untilMs: number): boolean => {
    const due = next()
    if (!due || due.dueMs > untilMs) {
      nowMs = Math.max(nowMs, untilMs)
      return false
    }
    timers.delete(due.timer)
    nowMs = Math.max(nowMs, due.dueMs)
    due.fire()
    return true
  }

  return {
    nowMs: () => nowMs,
    wallMs: () => wallStartMs + nowMs - startMs,
    setTimer(delayMs, fire) {
      if (Number.isNaN(delayMs))
        throw new RangeError('Expected the delay of a timer to be a number')
      const timer: Timer = { cancel: () => void timers.delete(timer) }
      // As with the system's clock, a timer that never fires is none.
      if (delayMs !== Number.POSITIVE_INFINITY) {
        timers.set(timer, { dueMs: nowMs + Math.max(0, delayMs), fire })
      }
      return timer
    },
    get pendingTimers() {
      return timers.size
    },
    get nextTimerMs() {
      const first = next()
      return first && Math.max(0, first.dueMs - nowMs)
    },
    async advance(ms) {
      const untilMs = end(ms)
      do {
        // A turn of the event loop comes after all microtasks, however many follow from each other.
        // eslint-disable-next-line no-await-in-loop -- one timer after another
        await nextTurn()
      } while (fireNext(untilMs))
      await nextTurn()
    },
    advanceSync(ms) {
      const untilMs = end(ms)
      while (fireNext(untilMs));
    },
  }
}
