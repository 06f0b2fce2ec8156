import type { Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'

/** What a lease is used for. */
export type LeaseKind = 'request' | 'stream' | 'upgrade'

/** Why a lease is taken back: the instance is gone, is to be stopped, or the upgraded connection is forgotten. */
export type RevokeReason = 'gone' | 'drain' | 'idle'

/** One use of an instance, which keeps it alive until it is released. */
export interface Lease extends AsyncDisposable, Disposable {
  readonly id: EnvironmentId
  readonly generation: number
  /** Live: changes where the instance moves. */
  readonly endpoint: Endpoint
  /** `false` once the coordination session is lost: it no longer holds other gateways off. */
  readonly protected: boolean
  /** Says that the use has turned into something longer than a request. */
  become(kind: LeaseKind): void
  /** Activity; an upgrade that goes untouched for `upgradeIdleTimeoutMs` is revoked. */
  touch(): void
  /** Calls `listener` when the lease is taken back, at once where it has been already. */
  onRevoke(listener: (why: RevokeReason) => void): void
  /** Idempotent. */
  release(): void
}
