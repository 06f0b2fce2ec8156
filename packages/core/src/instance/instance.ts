import type { Clock } from '../clock.js'
import type { Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'
import type { Kept, Keeping } from '../environment/keeping.js'
import type { Json } from '../environment/spec.js'
import { isLive, mayBecome, type State } from '../environment/state.js'
import { type AlcoveError, InstanceGoneError } from '../errors.js'
import type { Transition } from '../events.js'
import type { LogBuffer } from '../logs/log-buffer.js'
import type { GuardedSpawner } from '../spawning/guarded-spawner.js'
import type { ExitInfo } from '../spawning/spawner.js'
import { HeldLease } from './held-lease.js'
import type { Lease, RevokeReason } from './lease.js'
import type { InstancePlan } from './plan.js'

/** Who is told what an instance does. All are called synchronously. */
export interface InstanceListener {
  changed(instance: Instance, change: Transition): void
  /** The last lease was released. */
  idle(instance: Instance): void
}

/** One incarnation of an environment: its state and its leases. */
export class Instance {
  readonly id: EnvironmentId
  readonly generation: number
  /** Aborts with the error to report once the instance is gone. */
  readonly gone: AbortSignal
  handle: Json | undefined
  readySinceMs: number | undefined
  lastActivityMs: number
  idleSinceMs: number | undefined
  /** Until when no eviction is tried: `beforeEvict` said so. */
  postponedUntilMs = 0
  /** Until when it is not frozen: the last time failed. */
  suspendFromMs = 0
  /** Given back when nothing of it runs. */
  memory: { release(): void } | undefined
  exit: ExitInfo | undefined
  /** Why its spawner could not end it: something of it may still run. */
  stopError: AlcoveError | undefined
  readonly #gone = new AbortController()
  readonly #leases = new Set<HeldLease>()
  #state: State
  #endpoint: Endpoint | undefined
  readonly #drains = new Set<() => void>()

  constructor(
    id: EnvironmentId,
    generation: number,
    readonly plan: InstancePlan,
    readonly spawner: GuardedSpawner,
    readonly log: LogBuffer,
    readonly clock: Clock,
    /** Aborts once the coordination session no longer holds the other gateways off. */
    readonly sessionLost: AbortSignal,
    private readonly listener: InstanceListener,
    /** What keeps its environment although nobody uses it. */
    private readonly keeping: Keeping,
    /** What the environment's former instance left: `stopped` or `failed`. */
    initial: 'stopped' | 'failed',
  ) {
    this.id = id
    this.generation = generation
    this.gone = this.#gone.signal
    this.#state = initial
    this.lastActivityMs = clock.nowMs()
  }

  get state(): State {
    return this.#state
  }

  /** @throws {Error} before it was started: a bug in core. */
  get namedBy(): Json {
    if (this.handle === undefined) throw new Error(`Environment "${this.id}" has no handle yet`)
    return this.handle
  }

  get live(): boolean {
    return isLive(this.#state)
  }

  /** What keeps it although nobody uses it. */
  get kept(): Kept | undefined {
    return this.keeping.kept(this.plan.policy.keepWarm)
  }

  /** Where it answers; live. `undefined` before that is known. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint
  }

  set endpoint(endpoint: Endpoint | undefined) {
    this.#endpoint = endpoint
  }

  get leases(): ReadonlySet<HeldLease> {
    return this.#leases
  }

  /** @throws {Error} on a transition that the table does not have: a bug in core, never a user's. */
  become(to: State, reason: string): void {
    const from = this.#state
    if (!mayBecome(from, to)) {
      throw new Error(`Environment "${this.id}" can't go from ${from} to ${to} (${reason})`)
    }
    this.#state = to
    const { id, generation, clock } = this
    this.listener.changed(this, { id, generation, from, to, reason, atMs: clock.wallMs() })
  }

  /** Takes a lease; core takes them from the opening on, before the instance is ready. */
  lease(): Lease {
    const lease = new HeldLease(this, this.clock)
    this.#leases.add(lease)
    this.idleSinceMs = undefined
    return lease
  }

  /** Called by a lease, once. */
  released(lease: HeldLease): void {
    if (!this.#leases.delete(lease)) return
    this.lastActivityMs = this.clock.nowMs()
    if (this.#leases.size > 0) return
    this.idleSinceMs = this.lastActivityMs
    for (const drained of this.#drains) drained()
    this.listener.idle(this)
  }

  revokeAll(why: RevokeReason): void {
    for (const lease of this.#leases) lease.revoke(why)
  }

  /** Resolves once no lease is held, after `timeoutMs`, or where {@link stopWaiting} says so. */
  drained(timeoutMs: number): Promise<void> {
    if (this.#leases.size === 0 || timeoutMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const over = (): void => {
        timer.cancel()
        this.#drains.delete(over)
        resolve()
      }
      const timer = this.clock.setTimer(timeoutMs, over)
      this.#drains.add(over)
    })
  }

  /** Whoever waits for its leases has waited for long enough. */
  stopWaiting(): void {
    for (const drained of this.#drains) drained()
  }

  /** Records that nothing of it is left, and takes back what is still held. */
  end(reason: string, exit: ExitInfo): void {
    if (this.#gone.signal.aborted) return
    this.exit = exit
    this.log.close()
    this.#gone.abort(
      new InstanceGoneError(reason, { id: this.id, exit, lastLogLines: this.log.tail(10) }),
    )
    this.revokeAll('gone')
  }
}
