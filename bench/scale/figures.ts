/** How many environments there are at a time. */
export const sizes = [1, 100, 10_000, 100_000] as const

/** What environments cost that were run once and stopped. */
export interface StoppedFigures {
  readonly heapBytesEach: number
  /** Of which the manager still tells what became of them. */
  readonly told: number
}

/** What environments cost that run, and are idle. */
export interface RunningFigures {
  readonly heapBytesEach: number
  /** CPU that the process takes while nobody asks for anything, in milliseconds a second. */
  readonly idleCpuMs: number
}

/** Microseconds of each operation, of one slice of time for each size. */
export interface Round {
  /** The router's answer, a lease, and its release: the environment becomes busy and idle again. */
  readonly route: readonly number[]
  /** The same, of all environments there are in turns. */
  readonly routeAny: readonly number[]
  /** A start where all places are taken, so that the one idle longest has to go. */
  readonly makeRoom: readonly number[]
}
