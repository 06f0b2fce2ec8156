/** What a flood had from its gateway. */
export interface FloodCounts {
  readonly seconds: number
  /** Answered with 2xx. */
  readonly ok: number
  /** Answered with anything else. */
  readonly refused: number
  /** Connections that failed or were cut. */
  readonly cut: number
  /** Requests that were due, where they come on a schedule. */
  readonly offered?: number
  /** Those of them that the kernel has taken, of whatever the gateway reads of it. */
  readonly delivered?: number
}

/** A flood that runs, for as long as its owner lets it, and a minute at most. */
export interface RunningFlood extends AsyncDisposable {
  /** Ends it, and resolves to what it had, once all of its connections are closed. To be called once. */
  stop(): Promise<FloodCounts>
}

export const mostSeconds = 60

export const okPerSecond = (counts: readonly FloodCounts[]): number =>
  sum(counts, 'ok') / sum(counts, 'seconds')

export function sum(counts: readonly FloodCounts[], what: keyof FloodCounts): number {
  return counts.reduce((total, its) => total + (its[what] ?? 0), 0)
}
