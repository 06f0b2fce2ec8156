import { LRUCache } from 'lru-cache'
import type { Clock, Timer } from '../clock.js'
import type { Instance } from '../instance/instance.js'

/** What becomes of an instance whose time has come. */
export interface IdleListener {
  idleTooLong(instance: Instance): void
  livedTooLong(instance: Instance): void
}

/**
 * Keeps the order in which instances became idle, and tells when one has been idle or has lived for too long.
 *
 * A request costs no timer: the one of an instance is left running while leases come and go, and looks at the idle time
 * when it fires.
 */
export class IdleSchedule {
  // Order alone: `max` would cost in proportion to itself and evict without asking, `ttl` would set real timers.
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
    if (instance.leases.size === 0) this.idle(instance)
  }

  idle(instance: Instance): void {
    if (instance.state !== 'ready' || instance.leases.size > 0) return
    this.#order.set(instance.id, instance)
    if (!this.#idleTimers.has(instance)) this.#arm(instance)
  }

  busy(instance: Instance): void {
    this.#order.delete(instance.id)
  }

  /** Forgets an instance that is being stopped or is gone. */
  remove(instance: Instance): void {
    if (this.#order.peek(instance.id) === instance) this.#order.delete(instance.id)
    this.#idleTimers.get(instance)?.cancel()
    this.#idleTimers.delete(instance)
    this.#lifeTimers.get(instance)?.cancel()
    this.#lifeTimers.delete(instance)
  }

  /** The idle ones, the one idle longest first. */
  *longestIdle(): Generator<Instance> {
    // A snapshot of the keys: whoever looks may evict meanwhile.
    for (const id of Array.from(this.#order.rkeys())) {
      const instance = this.#order.peek(id)
      if (instance) yield instance
    }
  }

  /** When the instance is due to be stopped, on the clock, and why. */
  deadline(
    instance: Instance,
  ): { readonly what: 'idle' | 'lifetime'; readonly dueMs: number } | undefined {
    const { idleTimeoutMs, maxLifetimeMs } = instance.plan.policy
    const { idleSinceMs, readySinceMs, postponedUntilMs } = instance
    const idleDueMs =
      idleSinceMs === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(idleSinceMs + idleTimeoutMs, postponedUntilMs)
    const lifeDueMs = (readySinceMs ?? Number.POSITIVE_INFINITY) + maxLifetimeMs
    const dueMs = Math.min(idleDueMs, lifeDueMs)
    if (dueMs === Number.POSITIVE_INFINITY) return undefined
    return { what: idleDueMs <= lifeDueMs ? 'idle' : 'lifetime', dueMs }
  }

  #arm(instance: Instance): void {
    const dueMs = Math.max(
      (instance.idleSinceMs ?? this.clock.nowMs()) + instance.plan.policy.idleTimeoutMs,
      instance.postponedUntilMs,
    )
    if (dueMs === Number.POSITIVE_INFINITY) return
    const leftMs = dueMs - this.clock.nowMs()
    if (leftMs <= 0) {
      this.#idleTimers.delete(instance)
      this.listener.idleTooLong(instance)
      return
    }
    this.#idleTimers.set(
      instance,
      this.clock.setTimer(leftMs, () => {
        this.#idleTimers.delete(instance)
        // In use: the last release arms it again.
        if (instance.idleSinceMs !== undefined) this.#arm(instance)
      }),
    )
  }
}
