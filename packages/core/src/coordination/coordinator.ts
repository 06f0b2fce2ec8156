import type { Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'
import type { Json } from '../environment/spec.js'
import type { ExitInfo, Spawner } from '../spawning/spawner.js'

/**
 * Decides who may start, stop and count where there are several gateways. A gateway alone uses the in-memory one, by the
 * same code path.
 */
export interface Coordinator {
  /** How far it reaches; one that reaches further than the spawner is refused. */
  readonly reach: Spawner['reach']
  /** How long a gateway that fell silent keeps what it holds. */
  readonly ttlMs: number
  join(gateway: string, signal: AbortSignal): Promise<Session>
}

/** One gateway's membership. One heartbeat covers all that it holds; a request makes no call. */
export interface Session {
  /** Aborts, by the gateway's own monotonic clock, before the others may act on its absence. */
  readonly lost: AbortSignal
  /** Atomic: become a user of what runs, or get the claim to start or resume it, with its place reserved. */
  enter(id: EnvironmentId, owner: string, limits: Limits, signal: AbortSignal): Promise<Entry>
  /** At the local idle timeout. The last user gets the claim; `undefined`: others still use it. */
  leave(id: EnvironmentId, generation: number, then: 'stop' | 'suspend'): Promise<Claim | undefined>
  /** For an operator, an orphan, a changed spec. Waits for a claim under way; `undefined`: nothing is there. */
  claim(id: EnvironmentId, to: 'stop' | 'replace', signal: AbortSignal): Promise<Claim | undefined>
  /** An instance is gone by itself. The first report counts; its back-off is recorded here. */
  exited(id: EnvironmentId, generation: number, failure?: Failure): Promise<void>
  /** Tells what other gateways have changed, and what is asked of this one. */
  onChange(
    listener: (id: EnvironmentId, now: Published | undefined, ask?: 'drain' | 'evict') => void,
  ): void
  /** Tells a coordinator that has lost its memory what runs. */
  restore(all: readonly Published[]): Promise<void>
  /** Leaves everything; claims are given up. Idempotent. */
  close(): Promise<void>
}

/** How many environments there may be. */
export interface Limits {
  readonly maxEnvironments: number
  readonly maxPerOwner: number
}

/** A running instance, as all gateways see it. */
export interface Published {
  readonly id: EnvironmentId
  readonly generation: number
  readonly owner: string
  readonly specHash: string
  readonly handle: Json
  readonly endpoint: Endpoint
  readonly suspended: boolean
}

/** Why an environment does not run, and when it may be tried again. */
export interface Failure {
  readonly reason: string
  /** `Infinity`: not until somebody says so. */
  readonly retryAfterMs: number
  readonly exit?: ExitInfo
  /** How many failures in a row, this one included. @default 1 */
  readonly consecutive?: number
}

/** The answer to {@link Session.enter}. */
export type Entry =
  | { readonly is: 'running'; readonly at: Published }
  | { readonly is: 'claimed'; readonly claim: Claim }
  /** Somebody is at it; ask again after `changed`. */
  | { readonly is: 'busy'; readonly changed: Promise<void> }
  | { readonly is: 'refused'; readonly limit: keyof Limits }
  /** `retryAfterMs` is what is left of it. */
  | { readonly is: 'failed'; readonly failure: Failure }

/** The right of one gateway to change one environment. */
export interface Claim {
  readonly to: 'start' | 'stop' | 'suspend' | 'resume' | 'replace'
  /** The fencing token: that of the instance to start, or of the one to stop. */
  readonly generation: number
  /** What was published when the claim was made. */
  readonly at?: Published
  /** The failure that this start follows. */
  readonly after?: Failure
  /** Shows the instance to all. @throws {@link ClaimLostError} once another gateway inherited the claim. */
  publish(now: Published): Promise<void>
  /** Ends the claim; with a failure nothing runs. @throws {@link ClaimLostError} once another gateway inherited the claim. */
  end(failure?: Failure): Promise<void>
}
