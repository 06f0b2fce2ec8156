import type { Clock, Timer } from '../clock.js'
import type { Line } from './line.js'
import { waitedTooLong } from './turned-away.js'

/** Ends the wait of those who have waited for as long as they may: one timer for each line, since in a line all wait equally long. */
export class Deadlines {
  readonly #timers = new Map<Line, Timer>()

  constructor(private readonly clock: Clock) {}

  /** Somebody stands in line. */
  watch(line: Line): void {
    if (!this.#timers.has(line)) this.#set(line)
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #set(line: Line): void {
    const dueMs = Math.min(
      line.requests.first?.dueMs ?? Number.POSITIVE_INFINITY,
      line.uploads.first?.dueMs ?? Number.POSITIVE_INFINITY,
    )
    if (dueMs === Number.POSITIVE_INFINITY) {
      this.#timers.delete(line)
      return
    }
    const inMs = dueMs - this.clock.nowMs()
    this.#timers.set(
      line,
      this.clock.setTimer(inMs, () => this.#look(line)),
    )
  }

  // Most have left by then: the timer of the first is not set anew for each that moves up.
  #look(line: Line): void {
    const nowMs = this.clock.nowMs()
    for (const queue of [line.requests, line.uploads]) {
      while (queue.first && queue.first.dueMs <= nowMs) queue.first.turnAway(waitedTooLong(line))
    }
    this.#set(line)
  }
}
