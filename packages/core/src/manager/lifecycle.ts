import type { Clock } from '../clock.js'
import type { Claim, Failure, Limits, Session } from '../coordination/coordinator.js'
import type { EnvironmentId } from '../environment/id.js'
import type { State } from '../environment/state.js'
import {
  AlcoveError,
  ClosedError,
  HookFailedError,
  type InstanceGoneError,
  SpawnerUnavailableError,
} from '../errors.js'
import type { ManagerEvents, Transition } from '../events.js'
import { Instance, type InstanceListener } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import type { InstancePlan } from '../instance/plan.js'
import { stoppedError, Supervisor, type SupervisorListener } from '../instance/supervisor.js'
import { WaitList } from '../instance/wait-list.js'
import { LogBuffer } from '../logs/log-buffer.js'
import { GuardedSpawner } from '../spawning/guarded-spawner.js'
import { Capacity } from './capacity.js'
import { Evictions } from './eviction.js'
import { IdleSchedule } from './idle.js'
import {
  asAlcoveError,
  Opening,
  type OpeningContext,
  type OpeningRequest,
  type PublishedHandle,
  recordFailure,
  sessionLost,
} from './opening.js'
import type { ResolvedManagerOptions } from './options.js'
import { ManagedEnvironment } from './record.js'
import { stopLeftovers } from './recovery.js'
import { StartQueue } from './start-queue.js'
import { suspend } from './suspension.js'

/** What has to be ended is ended, while the gateway closes too. */
const never = new AbortController().signal

/** How many environments that do not run keep their history. */
const rememberedStopped = 1_000

/** How an instance is to be ended. */
interface End {
  readonly reason: string
  readonly drainMs: number
  /** `leave`: others may go on using it. `claim`: it ends for all. */
  readonly by: 'leave' | 'claim'
  /** Why it has to end, where that is a failure. */
  readonly failure?: AlcoveError
}

/** Tells a manager's events. */
export type Emit = <Name extends keyof ManagerEvents>(
  name: Name,
  ...event: ManagerEvents[Name]
) => void

/** Brings environments up and ends them: who is told what, in which order, and what is kept of it. */
export class Lifecycle implements InstanceListener, SupervisorListener, OpeningContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly supervisor: Supervisor
  readonly starts: StartQueue
  readonly capacity: Capacity
  readonly idleSchedule: IdleSchedule
  readonly spawners: ReadonlyMap<string, GuardedSpawner>
  readonly records = new Map<EnvironmentId, ManagedEnvironment>()
  readonly #stopped = new Set<EnvironmentId>()
  readonly #evictions: Evictions
  readonly #closing = new AbortController()
  readonly #session: Promise<Session>
  #sessionLost: AbortSignal = new AbortController().signal

  constructor(
    readonly gateway: string,
    readonly options: ResolvedManagerOptions,
    private readonly emit: Emit,
  ) {
    this.clock = options.clock
    this.limits = { maxEnvironments: options.maxEnvironments, maxPerOwner: options.maxPerOwner }
    this.supervisor = new Supervisor(gateway, this.clock, options.tlsFor, this)
    this.starts = new StartQueue(options.maxConcurrentStarts)
    this.capacity = new Capacity(
      this.limits,
      options.capacityTimeoutMs,
      this.clock,
      (limit, owner) => this.#makeRoom(limit === 'maxPerOwner' ? owner : undefined),
    )
    this.idleSchedule = new IdleSchedule(this.clock, {
      idleTooLong: (instance) => void this.#evictions.evict(instance, 'idle'),
      suspendDue: (instance) => this.#suspend(instance),
      livedTooLong: (instance) => {
        void this.#endCurrent(instance, {
          reason: `lived for ${instance.plan.policy.maxLifetimeMs} ms`,
          drainMs: instance.plan.policy.graceMs,
          by: 'claim',
        })
      },
    })
    this.#evictions = new Evictions({
      clock: this.clock,
      beforeEvict: options.beforeEvict,
      beforeEvictTimeoutMs: options.beforeEvictTimeoutMs,
      end: (instance, reason) => this.#endCurrent(instance, { reason, drainMs: 0, by: 'leave' }),
      postponed: (instance, forMs) => {
        emit('postponed', { id: instance.id, generation: instance.generation, forMs })
        this.idleSchedule.idle(instance)
      },
      spared: (instance) => this.idleSchedule.idle(instance),
      problem: (instance, what, cause) => {
        emit('problem', new HookFailedError(what, { id: instance.id, cause }))
      },
    })
    this.spawners = new Map(
      options.spawners.map((spawner) => [spawner.name, new GuardedSpawner(spawner, this.clock)]),
    )
    this.#session = this.#join()
    // Whoever needs the session is told; nobody else has to be.
    this.#session.catch(() => {})
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  session(): Promise<Session> {
    return this.#session
  }

  record(id: EnvironmentId): ManagedEnvironment {
    let record = this.records.get(id)
    if (!record) {
      const waiting = new WaitList(() => {
        // Nobody waits for a turn that has not come; what has begun to start goes on, as its next visitor would want.
        const state = known.current?.state
        if (state !== 'starting' && state !== 'resuming') {
          this.#cancel(known, stoppedError(id, 'nobody waits for it any more'))
        }
      })
      const known = new ManagedEnvironment(id, waiting)
      record = known
      this.records.set(id, record)
    }
    return record
  }

  /** Waits for the environment to be ready, and sees to it that something is done about that. */
  open(record: ManagedEnvironment, request: OpeningRequest, signal?: AbortSignal): Promise<Lease> {
    if (this.closed) return Promise.reject(new ClosedError())
    const lease = record.waiting.join(signal)
    // One that was cancelled is not theirs who come now: they get the next one.
    if (record.opening?.cancelled) record.nextRequest = request
    if (mayBegin(record)) this.#begin(record, request)
    return lease
  }

  /** Ends what runs or is about to, everywhere; resolves when nothing of it is left. */
  async stop(record: ManagedEnvironment, drainMs: number, reason: string): Promise<void> {
    // Those of now: whoever comes while this waits begins anew, and may wait for it.
    const { opening, current, stopping, openingDone } = record
    if (current && isFrozen(current.state)) {
      // Somebody may be about to thaw it.
      this.#cancel(record, stoppedError(record.id, reason))
      await openingDone
      await this.#endCurrent(current, { reason, drainMs, by: 'claim' })
    } else if (current?.state === 'ready' || current?.state === 'unready') {
      await this.#endCurrent(current, { reason, drainMs, by: 'claim' })
    } else if (stopping || opening) {
      this.#cancel(record, stoppedError(record.id, reason))
      await stopping
      await openingDone
    } else {
      await this.#stopElsewhere(record, reason)
    }
    if (current?.stopError !== undefined) throw current.stopError
    // Whoever came since then has a start of his own.
    if (record.opening || record.current?.live) return
    record.forgetFailure()
    if (record.current?.state === 'failed') record.current.become('stopped', reason)
    this.#retire(record)
  }

  /** Stops an environment and deletes its data; whoever asks for it meanwhile waits until that is done. */
  async purge(record: ManagedEnvironment, signal: AbortSignal): Promise<void> {
    const purging = (async () => {
      if (record.purging) await record.purging
      await this.stop(record, 0, 'purged by a caller')
      await Promise.all(
        [...this.spawners.values()].map((spawner) => spawner.purge(record.id, signal)),
      )
    })()
    const settled = purging
      .catch(() => {})
      .then(() => {
        if (record.purging === settled) record.purging = undefined
        this.#retire(record)
      })
    record.purging = settled
    await purging
  }

  async close(drainMs: number): Promise<void> {
    this.#closing.abort(new ClosedError())
    for (const record of this.records.values()) this.#cancel(record, new ClosedError())
    await Promise.all([...this.records.values()].map(async (record) => record.openingDone))
    const live = [...this.records.values()].flatMap((record) =>
      record.current?.live ? [record.current] : [],
    )
    await Promise.all(
      live.map((instance) =>
        this.#endCurrent(instance, { reason: 'the gateway is closing', drainMs, by: 'leave' }),
      ),
    )
    const session = await this.#session.catch(() => undefined)
    await session?.close()
    for (const record of this.records.values()) record.waiting.refuse(new ClosedError())
    await Promise.all([...this.spawners.values()].map((spawner) => spawner.close()))
  }

  instance(
    record: ManagedEnvironment,
    generation: number,
    plan: InstancePlan,
    spawner: GuardedSpawner,
  ): Instance {
    const instance = new Instance(
      record.id,
      generation,
      plan,
      spawner,
      new LogBuffer({ maxLines: this.options.maxLogLines, redact: this.options.redact }),
      this.clock,
      this.#sessionLost,
      this,
      record.current?.state === 'failed' ? 'failed' : 'stopped',
    )
    record.current = instance
    this.#stopped.delete(record.id)
    return instance
  }

  changed(instance: Instance, change: Transition): void {
    const record = this.records.get(instance.id)
    record?.remember(change)
    if (change.to === 'ready') {
      record?.waiting.grant(instance)
      record?.opening?.granted()
      this.idleSchedule.ready(instance)
    } else if (change.to === 'suspended') {
      this.idleSchedule.idle(instance)
    } else if (change.to !== 'suspending' && change.to !== 'resuming') {
      this.idleSchedule.remove(instance)
    }
    this.emit('transition', change)
  }

  idle(instance: Instance): void {
    this.idleSchedule.released(instance)
    this.capacity.changed()
  }

  log(instance: Instance, text: string): void {
    const { id, generation } = instance
    this.emit('log', { id, generation, text: instance.log.push(text) })
  }

  progress(instance: Instance, step: { readonly phase: string; readonly text: string }): void {
    const { id, generation } = instance
    this.emit('progress', { id, generation, ...step })
  }

  crashed(instance: Instance, error: InstanceGoneError): void {
    const record = this.record(instance.id)
    const failure = this.#countFailure(record, instance, error)
    record.waiting.refuse(error)
    void this.#report(async (session) => {
      await session.exited(instance.id, instance.generation, failure)
      this.capacity.changed()
    })
  }

  unhealthy(instance: Instance, error: unknown): void {
    const failure = asAlcoveError(error, instance.id)
    this.record(instance.id).waiting.refuse(failure)
    void this.#endCurrent(instance, { reason: failure.reason, drainMs: 0, by: 'claim', failure })
  }

  /** Ends a start under way, and the wait of those who wait for it now. */
  #cancel(record: ManagedEnvironment, reason: AlcoveError): void {
    if (!record.opening) return
    record.opening.cancel(reason)
    record.waiting.refuse(reason)
  }

  #begin(record: ManagedEnvironment, request: OpeningRequest): void {
    const opening = new Opening(record, request, this)
    record.opening = opening
    record.nextRequest = undefined
    this.#stopped.delete(record.id)
    record.openingDone = opening
      .run()
      .catch((error: unknown) => {
        // Who waited for one that was cancelled has been told.
        if (opening.cancelled) return
        record.waiting.refuse(error)
        if (!(error instanceof AlcoveError)) {
          this.emit('problem', asAlcoveError(error, record.id))
        }
      })
      .then(() => {
        record.opening = undefined
        this.capacity.changed()
        this.#settle(record)
      })
  }

  /** Whoever came while the environment was going down, or stayed when it was gone, gets another start. */
  #settle(record: ManagedEnvironment): void {
    if (this.closed) record.waiting.refuse(new ClosedError())
    if (record.waiting.size > 0 && !record.opening) {
      if (record.current?.state === 'ready') record.waiting.grant(record.current)
      else if (mayBegin(record)) this.#begin(record, record.nextRequest ?? {})
    }
    this.#retire(record)
  }

  #suspend(instance: Instance): void {
    const record = this.record(instance.id)
    record.suspending = suspend(instance, {
      supervisor: this.supervisor,
      session: () => this.#session,
      limits: this.limits,
      leave: (left) => {
        void record.suspending?.then(() => {
          // Whoever waited for it has it by now.
          if (left.leases.size > 0) return
          void this.#endCurrent(left, {
            reason: 'another gateway uses it',
            drainMs: 0,
            by: 'leave',
          })
        })
      },
      problem: (error) => this.emit('problem', error),
    }).then(() => {
      record.suspending = undefined
      this.#settle(record)
    })
  }

  #endCurrent(instance: Instance, how: End): Promise<void> {
    const record = this.record(instance.id)
    if (record.current !== instance || !instance.live) return record.stopping ?? Promise.resolve()
    // Neither is to be taken back half-way.
    const underWay = instance.state === 'resuming' ? record.openingDone : record.suspending
    if (underWay) return underWay.then(() => this.#endCurrent(instance, how))
    if (instance.state !== 'stopping') {
      instance.become('stopping', how.reason)
      record.stopping = this.#end(record, instance, how)
        .catch((error: unknown) => this.emit('problem', asAlcoveError(error, record.id)))
        .then(() => {
          record.stopping = undefined
          this.capacity.changed()
          this.#settle(record)
        })
    }
    return record.stopping ?? Promise.resolve()
  }

  async #end(record: ManagedEnvironment, instance: Instance, how: End): Promise<void> {
    const { id, generation } = instance
    const session = await this.#session
    if (session.lost.aborted) {
      this.supervisor.detach(instance, how.reason)
      throw sessionLost(id)
    }
    instance.revokeAll('drain')
    const claim =
      how.by === 'leave'
        ? await session.leave(id, generation, 'stop')
        : await session.claim(id, 'stop', never)
    await instance.drained(how.drainMs)
    if (claim?.generation !== generation) {
      await claim?.end()
      this.supervisor.detach(instance, 'others still use it')
      return
    }
    let failure = how.failure && this.#countFailure(record, instance, how.failure)
    try {
      await this.supervisor.stop(instance, how.reason, how.failure !== undefined)
    } catch (error) {
      instance.stopError = asAlcoveError(error, id)
      failure ??= this.#countFailure(record, instance, instance.stopError)
      throw error
    } finally {
      await claim.end(failure)
    }
  }

  /** Stops an instance that another gateway started and this one does not use. */
  async #stopElsewhere(record: ManagedEnvironment, reason: string): Promise<void> {
    const session = await this.#session
    const claim: Claim | undefined = await session.claim(record.id, 'stop', never)
    if (!claim?.at) return
    const { spawner: name, handle } = claim.at.handle as PublishedHandle
    const spawner = this.spawners.get(name)
    try {
      await spawner?.stop(handle, this.options.policy.graceMs)
    } finally {
      await claim.end()
    }
    if (spawner) return
    throw new SpawnerUnavailableError(
      `Environment "${record.id}" can't be stopped (${reason}): it was started with the spawner "${name}", which this gateway does not have`,
      { id: record.id },
    )
  }

  #countFailure(record: ManagedEnvironment, instance: Instance, error: AlcoveError): Failure {
    const { readySinceMs } = instance
    const readyForMs = readySinceMs === undefined ? 0 : this.clock.nowMs() - readySinceMs
    if (readyForMs >= this.options.stableAfterMs) record.consecutiveFailures = 0
    return recordFailure(record, error, this, instance)
  }

  /** Stops the environment that was idle longest, of one owner or of all; `false`: none is idle. */
  async #makeRoom(owner: string | undefined): Promise<boolean> {
    const nowMs = this.clock.nowMs()
    const tried = new Set<Instance>()
    const isEligible = (instance: Instance): boolean =>
      (owner === undefined || instance.plan.owner === owner) &&
      instance.postponedUntilMs <= nowMs &&
      !tried.has(instance)
    for (;;) {
      // Looked for anew each time: much may happen while the host is asked about one.
      const instance = this.idleSchedule.longestIdle(isEligible)
      if (!instance) return false
      tried.add(instance)
      // eslint-disable-next-line no-await-in-loop -- one place is needed, not all of them
      if (await this.#evictions.evict(instance, 'capacity')) return true
    }
  }

  /** Forgets what nobody can ask for, and bounds what is kept of environments that do not run. */
  #retire(record: ManagedEnvironment): void {
    // Another record may have taken its place since somebody has held on to this one.
    if (this.records.get(record.id) !== record) return
    if (record.state !== 'stopped' || record.opening || record.purging || record.ownSpec) return
    if (!record.told) {
      this.records.delete(record.id)
      return
    }
    record.letGo()
    this.#stopped.add(record.id)
    if (this.#stopped.size <= rememberedStopped) return
    const [oldest = record.id] = this.#stopped
    this.#stopped.delete(oldest)
    this.records.delete(oldest)
  }

  async #join(): Promise<Session> {
    const { options, gateway } = this
    const { signal } = this.#closing
    const session = await options.coordinator.join(gateway, signal)
    this.#sessionLost = session.lost
    await stopLeftovers(gateway, this.spawners.values(), options.policy.graceMs, signal, (error) =>
      this.emit('problem', error),
    )
    return session
  }

  async #report(work: (session: Session) => Promise<void>): Promise<void> {
    try {
      await work(await this.#session)
    } catch (error) {
      this.emit('problem', asAlcoveError(error, 'unknown'))
    }
  }
}

function isFrozen(state: State): boolean {
  return state === 'suspending' || state === 'suspended'
}

/** Whether nothing is under way that those who come now wait for. */
function mayBegin({ opening, current }: ManagedEnvironment): boolean {
  return !opening && current?.state !== 'unready' && current?.state !== 'suspending'
}
