import type { Clock } from '../clock.js'
import { type WarmHours, type WarmWindow, warmWindow } from './warm-hours.js'

/** What keeps an environment although nobody uses it, and until when on the clock; `Infinity`: until it is taken back. */
export interface Kept {
  readonly by: 'pin' | 'extension' | 'schedule'
  readonly untilMs: number
}

/** What the host has asked for an environment to be kept by, whichever instance of it runs. */
export class Keeping {
  pinned = false
  /** On the clock. */
  extendedUntilMs = Number.NEGATIVE_INFINITY

  /** The last answer of the calendar, which takes some ten microseconds: it holds until its window begins, or ends. */
  #calendar:
    | {
        readonly hours: readonly WarmHours[]
        readonly window: WarmWindow | undefined
        readonly sinceMs: number
        readonly untilMs: number
      }
    | undefined

  constructor(private readonly clock: Clock) {}

  /** Whether a caller has asked for it to be kept, from now on or for a while. */
  get asked(): boolean {
    return this.pinned || this.extendedUntilMs > this.clock.nowMs()
  }

  /** What keeps it longest now; `undefined`: nothing does. */
  kept(warmHours: readonly WarmHours[]): Kept | undefined {
    if (this.pinned) return { by: 'pin', untilMs: Number.POSITIVE_INFINITY }
    const { clock, extendedUntilMs } = this
    const nowMs = clock.nowMs()
    const window = warmHours.length > 0 ? this.#windowOf(warmHours) : undefined
    const scheduledUntilMs =
      window && window.fromMs <= clock.wallMs()
        ? nowMs + window.toMs - clock.wallMs()
        : Number.NEGATIVE_INFINITY
    if (Math.max(scheduledUntilMs, extendedUntilMs) <= nowMs) return undefined
    return scheduledUntilMs > extendedUntilMs
      ? { by: 'schedule', untilMs: scheduledUntilMs }
      : { by: 'extension', untilMs: extendedUntilMs }
  }
  #windowOf(hours: readonly WarmHours[]): WarmWindow | undefined {
    const wallMs = this.clock.wallMs()
    const known = this.#calendar
    // The wall clock may be set back.
    if (known?.hours === hours && wallMs >= known.sinceMs && wallMs < known.untilMs) {
      return known.window
    }
    const window = warmWindow(hours, wallMs)
    const holds = window !== undefined && window.fromMs <= wallMs
    const untilMs = (holds ? window.toMs : window?.fromMs) ?? Number.POSITIVE_INFINITY
    this.#calendar = { hours, window, sinceMs: wallMs, untilMs }
    return window
  }
}
