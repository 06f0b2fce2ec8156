import type { HeldRequests } from './held.js'
import type { Line } from './line.js'
import type { LoopLoad } from './load.js'

/** What one environment has under way and waiting. */
export interface EnvironmentLoad {
  readonly id: string
  /** Requests that the environment works on. */
  readonly inFlight: number
  /** Bodies that stay open, event streams and WebSockets. */
  readonly streams: number
  /** Requests that wait for their turn. */
  readonly queued: number
  /** Requests that wait for its start. */
  readonly waiting: number
  /** How many may be in flight now: `maxInFlight`, or fewer while the gateway has much to do. */
  readonly places: number
  /** Whether it has fewer places than its due, since it asks for most of what the gateway can do. */
  readonly squeezed: boolean
}

/** What a gateway has to do. */
export interface LoadReport {
  /** How late the event loop is, and the share of its time that it works (0 to 1); 0 while there is nothing to do. */
  readonly loopLagMs: number
  readonly loopUtilisation: number
  /** Whether it is later than `maxLoopLagMs`. */
  readonly overloaded: boolean
  /** Requests that wait, for whatever, and how many bytes they have sent. */
  readonly held: number
  readonly heldBytes: number
  /** How many requests were let in since the gateway was made. */
  readonly admitted: number
  /** How many were turned away or cut off since then, by the code of the error: `{ ALCOVE_QUEUE_FULL: 3 }`. */
  readonly refused: Readonly<Record<string, number>>
  /** The environments that have something under way or waiting, or had a moment ago. */
  readonly environments: readonly EnvironmentLoad[]
}

/** Puts a report together. */
export function reportOf(of: {
  readonly lines: Iterable<Line>
  readonly held: HeldRequests
  readonly loop: LoopLoad
  readonly overloaded: boolean
  readonly admitted: number
  readonly refused: LoadReport['refused']
}): LoadReport {
  return {
    loopLagMs: of.loop.lagMs,
    loopUtilisation: of.loop.utilisation,
    overloaded: of.overloaded,
    held: of.held.count,
    heldBytes: of.held.bytes,
    admitted: of.admitted,
    refused: of.refused,
    environments: Array.from(of.lines, (line) => ({
      id: line.id,
      inFlight: line.working,
      streams: line.streaming,
      queued: line.queued,
      waiting: line.startsWaited,
      places: line.cap,
      squeezed: line.squeezed,
    })),
  }
}
