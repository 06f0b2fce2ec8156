import type { Endpoint } from '../../environment/endpoint.js'
import type { EnvironmentId } from '../../environment/id.js'
import type { Lease, LeaseKind, RevokeReason } from '../../instance/lease.js'

/** A lease that notes what is done with it, and is revoked by the test. */
export class FakeLease implements Lease {
  readonly id = 'pr-1' as EnvironmentId
  generation = 1
  readonly protected = true
  readonly kinds: LeaseKind[] = []
  touches = 0
  onTouch: (() => void) | undefined
  readonly #listeners: ((why: RevokeReason) => void)[] = []
  #revoked: RevokeReason | undefined

  constructor(public endpoint: Endpoint) {}

  become(kind: LeaseKind): void {
    this.kinds.push(kind)
  }

  touch(): void {
    this.touches += 1
    this.onTouch?.()
  }

  onRevoke(listener: (why: RevokeReason) => void): void {
    if (this.#revoked) listener(this.#revoked)
    else this.#listeners.push(listener)
  }

  revoke(why: RevokeReason): void {
    this.#revoked = why
    for (const listener of this.#listeners) listener(why)
  }

  release(): void {}
  [Symbol.dispose](): void {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
