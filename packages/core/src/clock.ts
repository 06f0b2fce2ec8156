/** A timer that was set on a {@link Clock}. */
export interface Timer {
  /** Calling it twice, or after the timer has fired, is harmless. */
  cancel(): void
}

/**
 * Where time comes from, so that schedules can be tested without waiting.
 *
 * A controllable one is in `@alcove/core/testing`.
 */
export interface Clock {
  /** Monotonic milliseconds; never jumps with the wall clock. */
  nowMs(): number
  /** Milliseconds since the Unix epoch, for people and records only. */
  wallMs(): number
  /** Calls `then` once after `delayMs`; the timer does not keep the process alive. */
  setTimer(delayMs: number, then: () => void): Timer
}

// setTimeout() fires at once for anything longer: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args
const longestTimeoutMs = 2 ** 31 - 1

/** The system's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, then) {
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel() {} }
    let timeout: NodeJS.Timeout
    const dueMs = performance.now() + delayMs
    const arm = (): void => {
      const leftMs = dueMs - performance.now()
      timeout =
        leftMs > longestTimeoutMs
          ? setTimeout(arm, longestTimeoutMs)
          : setTimeout(then, Math.max(0, leftMs))
      timeout.unref()
    }
    arm()
    return { cancel: () => clearTimeout(timeout) }
  },
}
