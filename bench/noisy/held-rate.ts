/** Where a client asks. */
export interface Place {
  readonly port: number
  readonly environment: string
  /** How many connections it opens before, each of which has been used once. */
  readonly connections: number
}

/** What a client asks for at a rate that it holds, whatever becomes of the answers. */
export interface HeldRate {
  readonly perSecond: number
  /** How many requests. */
  readonly count: number
}

/** What it is told, one after the other. It answers "open" to the first, and {@link Answered} to the last. */
export type ClientOrder = { readonly open: Place } | { readonly hold: HeldRate } | 'stop'

/** What became of the requests. */
export interface Answered {
  /**
   * From when each request was due to its complete answer, of those that were answered with 200; of those that were not
   * answered at all, for how long they have waited.
   */
  readonly latenciesMs: readonly number[]
  /** How many there were of each other outcome: a status, an error's code, `unanswered`. */
  readonly failures: Readonly<Record<string, number>>
  /** The client's own part of the latencies: how late it sent what was due, its 99th percentile. */
  readonly lateMs: number
}

export const failureCount = ({ failures }: Pick<Answered, 'failures'>): number =>
  Object.values(failures).reduce((sum, count) => sum + count, 0)
