import type { Clock, Timer } from '../clock.js'
import type { Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'
import type { Instance } from './instance.js'
import type { Lease, LeaseKind, RevokeReason } from './lease.js'

type RevokeListener = (why: RevokeReason) => void

/**
 * A listener, and those before it. Not an array literal: V8 comes to make those in the old generation once many were seen to live for
 * long, as they do while thousands of requests wait, and each that is there keeps its listener's request alive until the whole heap
 * is collected (allocation site pretenuring): measured, see docs/performance.md.
 */
class RevokeListeners {
  constructor(
    private readonly listener: RevokeListener,
    private readonly before: RevokeListeners | undefined,
  ) {}

  tell(why: RevokeReason): void {
    this.before?.tell(why)
    try {
      this.listener(why)
    } catch (error) {
      // One that throws must not keep the others, nor what comes after them, from happening.
      process.emitWarning(error as Error)
    }
  }
}

/** A lease as its instance keeps it. */
export class HeldLease implements Lease {
  readonly id: EnvironmentId
  readonly generation: number
  #kind: LeaseKind = 'request'
  #released = false
  #revoked: RevokeReason | undefined
  #listeners: RevokeListeners | undefined
  #touchedMs = 0
  #idleTimer: Timer | undefined

  constructor(
    private readonly instance: Instance,
    private readonly clock: Clock,
  ) {
    this.id = instance.id
    this.generation = instance.generation
  }

  get kind(): LeaseKind {
    return this.#kind
  }

  get endpoint(): Endpoint {
    const { endpoint } = this.instance
    if (!endpoint) throw new Error(`Environment "${this.id}" has no endpoint yet`)
    return endpoint
  }

  get protected(): boolean {
    return !this.instance.sessionLost.aborted && !this.#released && this.#revoked === undefined
  }

  become(kind: LeaseKind): void {
    this.#kind = kind
    if (kind === 'upgrade' && !this.#released) {
      this.#touchedMs = this.clock.nowMs()
      this.#watchIdle(this.instance.plan.policy.upgradeIdleTimeoutMs)
    }
  }

  touch(): void {
    this.#touchedMs = this.clock.nowMs()
  }

  onRevoke(listener: RevokeListener): void {
    if (this.#revoked) {
      listener(this.#revoked)
      return
    }
    this.#listeners = new RevokeListeners(listener, this.#listeners)
  }

  /** `gone` is told even after a milder reason: there is nothing left to drain. */
  revoke(why: RevokeReason): void {
    if (this.#released || (this.#revoked !== undefined && why !== 'gone')) return
    this.#revoked = why
    this.#idleTimer?.cancel()
    this.#listeners?.tell(why)
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#idleTimer?.cancel()
    this.#listeners = undefined
    this.instance.released(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  // Touches come with every frame, so they only note the time; the timer looks at it when it is due.
  #watchIdle(timeoutMs: number): void {
    this.#idleTimer?.cancel()
    const leftMs = this.#touchedMs + timeoutMs - this.clock.nowMs()
    if (leftMs <= 0) this.revoke('idle')
    else this.#idleTimer = this.clock.setTimer(leftMs, () => this.#watchIdle(timeoutMs))
  }
}
