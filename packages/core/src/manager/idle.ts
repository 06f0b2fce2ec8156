import { LRUCache } from 'lru-cache'
import type { Clock, Timer } from '../clock.js'
import { mayBeIdle } from '../environment/state.js'
import type { Instance } from '../instance/instance.js'

/** What becomes of an instance whose time has come. */
export interface IdleListener {
  idleTooLong(instance: Instance): void
  /** It may be frozen meanwhile. */
  suspendDue(instance: Instance): void
  livedTooLong(instance: Instance): void
}

/**
 * Keeps the order in which instances became idle, and tells when one has been idle or has lived for too long.
 *
 * A request costs no timer: the one of an instance is left running while leases come and go, and looks at the idle time
 * when it fires.
 */
export class IdleSchedule {
  // Order alone: `max` would cost in proportion to itself and evict without asking, `ttl` would set real timers. What is in use stays
  // in it, and is moved when it is released: to delete and set the same few keys of a large Map again and again takes time in proportion
  // to the Map, since V8 keeps what was deleted in the chain of its bucket until the table is made anew (`npm run bench:scale`).
  readonly #order = new LRUCache<string, Instance>({
    maxSize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: () => 1,
  })
  readonly #idleTimers = new Map<Instance, Timer>()
  readonly #lifeTimers = new Map<Instance, Timer>()

  constructor(
    private readonly clock: Clock,
    private readonly listener: IdleListener,
  ) {}

  /** From now on the instance counts as running: its lifetime begins. */
  ready(instance: Instance): void {
    const { maxLifetimeMs } = instance.plan.policy
    if (maxLifetimeMs !== Number.POSITIVE_INFINITY && !this.#lifeTimers.has(instance)) {
      this.#lifeTimers.set(
        instance,
        this.clock.setTimer(
          // Counted from its first readiness, however often it was away since.
          Math.max(0, (instance.readySinceMs ?? 0) + maxLifetimeMs - this.clock.nowMs()),
          () => this.listener.livedTooLong(instance),
        ),
      )
    }
    this.#idleTimers.get(instance)?.cancel()
    this.#idleTimers.delete(instance)
    this.idle(instance)
  }

  idle(instance: Instance): void {
    if (!mayBeIdle(instance.state) || instance.leases.size > 0) return
    // One that was frozen since is idle for as long as it was.
    if (!this.#order.has(instance.id)) this.#order.set(instance.id, instance)
    if (!this.#idleTimers.has(instance)) this.#arm(instance)
  }

  /** What keeps it has changed. */
  rearm(instance: Instance): void {
    this.#idleTimers.get(instance)?.cancel()
    this.#idleTimers.delete(instance)
    this.idle(instance)
  }

  /** Whether any instance is idle, or was when last looked at. */
  get someIdle(): boolean {
    return this.#order.size > 0
  }

  /** The last lease was released. */
  released(instance: Instance): void {
    // Where it is there, it is now the one that was used last. One whose place another has taken is not.
    if (this.#order.peek(instance.id) === instance) this.#order.get(instance.id)
    this.idle(instance)
  }

  /** Forgets an instance that is being stopped or is gone. */
  remove(instance: Instance): void {
    if (this.#order.peek(instance.id) === instance) this.#order.delete(instance.id)
    this.#idleTimers.get(instance)?.cancel()
    this.#idleTimers.delete(instance)
    this.#lifeTimers.get(instance)?.cancel()
    this.#lifeTimers.delete(instance)
  }

  /** The one idle longest of those that are eligible. */
  longestIdle(isEligible: (instance: Instance) => boolean): Instance | undefined {
    const inUse: string[] = []
    let found: Instance | undefined
    for (const instance of this.#order.rvalues()) {
      if (!instance) continue
      // Out of the way of the next look: its release puts it back.
      if (instance.leases.size > 0) inUse.push(instance.id)
      else if (isEligible(instance)) {
        found = instance
        break
      }
    }
    for (const id of inUse) this.#order.delete(id)
    return found
  }

  /** When the instance is due to be stopped, on the clock, and why. */
  deadline(
    instance: Instance,
  ): { readonly what: 'suspend' | 'idle' | 'lifetime'; readonly dueMs: number } | undefined {
    const { maxLifetimeMs } = instance.plan.policy
    const idleDueMs = dueToStopMs(instance)
    const suspendDueMs = dueToSuspendMs(instance)
    const lifeDueMs = (instance.readySinceMs ?? Number.POSITIVE_INFINITY) + maxLifetimeMs
    const dueMs = Math.min(suspendDueMs, idleDueMs, lifeDueMs)
    if (dueMs === Number.POSITIVE_INFINITY) return undefined
    if (dueMs === lifeDueMs && lifeDueMs < idleDueMs) return { what: 'lifetime', dueMs }
    return { what: suspendDueMs < idleDueMs ? 'suspend' : 'idle', dueMs }
  }

  #arm(instance: Instance): void {
    const nowMs = this.clock.nowMs()
    const stopDueMs = dueToStopMs(instance)
    if (stopDueMs <= nowMs) {
      this.#idleTimers.delete(instance)
      this.listener.idleTooLong(instance)
      return
    }
    if (dueToSuspendMs(instance) <= nowMs) this.listener.suspendDue(instance)
    const dueMs = Math.min(stopDueMs, dueToSuspendMs(instance))
    if (dueMs === Number.POSITIVE_INFINITY) return
    this.#idleTimers.set(
      instance,
      this.clock.setTimer(dueMs - nowMs, () => {
        this.#idleTimers.delete(instance)
        // In use: the last release arms it again.
        if (instance.idleSinceMs !== undefined) this.#arm(instance)
      }),
    )
  }
}

function dueToStopMs({ idleSinceMs, postponedUntilMs, kept, plan }: Instance): number {
  if (idleSinceMs === undefined) return Number.POSITIVE_INFINITY
  return Math.max(idleSinceMs + plan.policy.idleTimeoutMs, postponedUntilMs, kept?.untilMs ?? 0)
}

function dueToSuspendMs({ state, idleSinceMs, suspendFromMs, kept, plan }: Instance): number {
  if (idleSinceMs === undefined || state !== 'ready') return Number.POSITIVE_INFINITY
  return Math.max(idleSinceMs + plan.policy.suspendAfterMs, suspendFromMs, kept?.untilMs ?? 0)
}
