import type { Clock, Timer } from '../clock.js'
import type { Failure, Limits, Session } from '../coordination/coordinator.js'
import type { EnvironmentId } from '../environment/id.js'
import { Keeping } from '../environment/keeping.js'
import { mayBeIdle, serves, type State } from '../environment/state.js'
import { AlcoveError, ClosedError, HookFailedError, type InstanceGoneError } from '../errors.js'
import type { QueuePosition, Transition } from '../events.js'
import { Instance, type InstanceListener } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import type { InstancePlan } from '../instance/plan.js'
import { stoppedError, Supervisor, type SupervisorListener } from '../instance/supervisor.js'
import { WaitList } from '../instance/wait-list.js'
import { LogBuffer } from '../logs/log-buffer.js'
import { GuardedSpawner } from '../spawning/guarded-spawner.js'
import { type Applicant, Capacity, type PlaceLimit } from './capacity.js'
import { type End, Endings } from './endings.js'
import { Evictions } from './eviction.js'
import { IdleSchedule } from './idle.js'
import type { ManagerListeners } from './listeners.js'
import { MemoryBudget } from './memory-budget.js'
import { MemoryPressure } from './memory-pressure.js'
import { asAlcoveError, Opening, type OpeningRequest, recordFailure } from './opening.js'
import type { Eviction, ResolvedManagerOptions } from './options.js'
import { Preparations } from './preparations.js'
import { ManagedEnvironment } from './record.js'
import { QueuePositions } from './queue-positions.js'
import { stopLeftovers } from './recovery.js'
import { type ReplacementRequest, Replacements, type ReplacingContext } from './replacements.js'
import { StartQueue } from './start-queue.js'
import { suspend } from './suspension.js'
import { WarmStarts } from './warm-starts.js'

/** How many environments that do not run keep their history. */
const rememberedStopped = 1_000

/** Brings environments up and ends them: who is told what, in which order, and what is kept of it. */
export class Lifecycle implements InstanceListener, SupervisorListener, ReplacingContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly supervisor: Supervisor
  readonly starts: StartQueue
  readonly capacity: Capacity
  readonly memory: MemoryBudget
  readonly preparations: Preparations
  readonly idleSchedule: IdleSchedule
  readonly spawners: ReadonlyMap<string, GuardedSpawner>
  readonly records = new Map<EnvironmentId, ManagedEnvironment>()
  readonly #stopped = new Set<EnvironmentId>()
  /** Tell when an extension is over. */
  readonly #keptNoMore = new Map<EnvironmentId, Timer>()
  readonly #endings: Endings
  readonly #evictions: Evictions
  readonly #makeKeeping = (): Keeping => new Keeping(this.clock)
  readonly #pressure: MemoryPressure
  readonly #warmStarts: WarmStarts
  readonly #replacements: Replacements
  readonly #positions: QueuePositions
  readonly #closing = new AbortController()
  readonly #session: Promise<Session>
  #sessionLost: AbortSignal = new AbortController().signal

  constructor(
    readonly gateway: string,
    readonly options: ResolvedManagerOptions,
    private readonly events: ManagerListeners,
  ) {
    this.clock = options.clock
    this.limits = { maxEnvironments: options.maxEnvironments, maxPerOwner: options.maxPerOwner }
    this.supervisor = new Supervisor(gateway, this.clock, options.tlsFor, this)
    this.#positions = new QueuePositions(() => [this.starts, this.capacity], events)
    this.starts = new StartQueue(options.maxConcurrentStarts, this.clock, () =>
      this.#positions.moved(),
    )
    this.memory = new MemoryBudget(options.memoryBudgetBytes)
    this.capacity = new Capacity(
      options,
      options.capacityTimeoutMs,
      this.clock,
      (limit, who) => this.#makeRoom(limit, who),
      () => this.#positions.moved(),
    )
    this.preparations = new Preparations(this.clock, {
      log: (instance, text) => this.log(instance, text),
      progress: (instance, step) => this.progress(instance, step),
      problem: (error) => this.events.emit('problem', error),
    })
    this.#pressure = new MemoryPressure(
      this.clock,
      options.hostMemory,
      options.minAvailableMemoryBytes,
      {
        isThere: () => this.idleSchedule.someIdle,
        relieve: () => this.#evictLongestIdle('memory', () => true),
        problem: (cause) => {
          events.emit('problem', new HookFailedError("The host's memory can't be told", { cause }))
        },
      },
    )
    this.#warmStarts = new WarmStarts(this.clock, {
      open: (id, owner) => {
        const record = this.record(id)
        return { record, lease: this.open(record, { owner }) }
      },
      problem: (error) => events.emit('problem', error),
    })
    this.#replacements = new Replacements(this)
    this.idleSchedule = new IdleSchedule(this.clock, {
      idleTooLong: (instance) => void this.#evictions.evict(instance, 'idle'),
      suspendDue: (instance) => this.#suspend(instance),
      livedTooLong: (instance) => {
        void this.#endCurrent(instance, {
          reason: `lived for ${instance.plan.policy.maxLifetimeMs} ms`,
          drainMs: instance.plan.policy.drainTimeoutMs,
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
        this.events.emit('postponed', { id: instance.id, generation: instance.generation, forMs })
        this.idleSchedule.idle(instance)
      },
      spared: (instance) => this.idleSchedule.idle(instance),
      problem: (instance, what, cause) => {
        this.events.emit('problem', new HookFailedError(what, { id: instance.id, cause }))
      },
    })
    this.spawners = new Map(
      options.spawners.map((spawner) => [spawner.name, new GuardedSpawner(spawner, this.clock)]),
    )
    this.#session = this.#join()
    this.#endings = new Endings({
      supervisor: this.supervisor,
      spawners: this.spawners,
      graceMs: options.policy.graceMs,
      session: () => this.#session,
      countFailure: (record, instance, error) => this.#countFailure(record, instance, error),
      problem: (error) => this.events.emit('problem', error),
      ended: (record) => this.settled(record),
    })
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
      const known = new ManagedEnvironment(id, waiting, this.#makeKeeping)
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

  /** See {@link Replacements}. */
  replace(
    record: ManagedEnvironment,
    request: ReplacementRequest,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    return this.#replacements.replace(record, request, signal)
  }

  /** Ends what runs or is about to, everywhere; resolves when nothing of it is left. */
  async stop(record: ManagedEnvironment, drainMs: number, reason: string): Promise<void> {
    if (record.replacement) {
      record.replacement.cancel(stoppedError(record.id, reason))
      await record.replacement.done
    }
    // Those of now: whoever comes while this waits begins anew, and may wait for it.
    const { opening, current, stopping, openingDone } = record
    if (current && isFrozen(current.state)) {
      // Somebody may be about to thaw it.
      this.#cancel(record, stoppedError(record.id, reason))
      await openingDone
      await this.#endCurrent(current, { reason, drainMs, by: 'claim' })
    } else if (current && serves(current.state)) {
      await this.#endCurrent(current, { reason, drainMs, by: 'claim' })
    } else if (stopping || opening) {
      this.#cancel(record, stoppedError(record.id, reason))
      await stopping
      await openingDone
    } else {
      await this.#endings.endElsewhere(record, reason)
    }
    await this.#endings.endRetired(record, drainMs)
    if (!record.opening && !record.current?.live) this.#warmStarts.forget(record.id)
    const stopError = current?.stopError
    if (current && stopError !== undefined) {
      // Told once: the next stop has nothing to do with it.
      current.stopError = undefined
      throw stopError
    }
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
      this.preparations.forget(record.id)
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
    this.#warmStarts.close()
    this.#pressure.close()
    for (const timer of this.#keptNoMore.values()) timer.cancel()
    for (const record of this.records.values()) {
      this.#cancel(record, new ClosedError())
      record.replacement?.cancel(new ClosedError())
    }
    await Promise.all(
      [...this.records.values()].map(async ({ openingDone, replacement }) => {
        await openingDone
        await replacement?.done
      }),
    )
    const live = [...this.records.values()].flatMap((record) =>
      record.current?.live ? [record.current] : [],
    )
    await Promise.all(
      live.map((instance) =>
        this.#endCurrent(instance, { reason: 'the gateway is closing', drainMs, by: 'leave' }),
      ),
    )
    await Promise.allSettled(
      [...this.records.values()].map((record) => this.#endings.endRetired(record, drainMs)),
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
      record.keeping,
      !record.replacement && record.current?.state === 'failed' ? 'failed' : 'stopped',
    )
    // The one that it is to replace serves until it is ready.
    if (!record.replacement) record.current = instance
    this.#stopped.delete(record.id)
    return instance
  }

  changed(instance: Instance, change: Transition): void {
    const record = this.records.get(instance.id)
    record?.remember(change)
    if (change.to === 'ready') {
      if (record && record.replacement?.successor === instance) this.#changePlaces(record, instance)
      this.#warmStarts.forget(instance.id)
      if (record) record.failure = undefined
      record?.waiting.grant(instance)
      record?.opening?.granted()
      this.idleSchedule.ready(instance)
    } else if (change.to === 'suspended') {
      this.idleSchedule.idle(instance)
    } else if (change.to !== 'suspending' && change.to !== 'resuming') {
      this.idleSchedule.remove(instance)
      if (!this.idleSchedule.someIdle) this.#pressure.rest()
    }
    if (change.to === 'stopped' || change.to === 'failed') {
      instance.memory?.release()
      if (record?.current === instance) this.#warmStarts.ended(instance, record)
    }
    this.events.emit('transition', change)
  }

  idle(instance: Instance): void {
    this.idleSchedule.released(instance)
    this.#pressure.idle()
    this.capacity.changed()
  }

  log(instance: Instance, text: string): void {
    const { id, generation } = instance
    this.events.emit('log', { id, generation, text: instance.log.push(text) })
  }

  progress(instance: Instance, step: { readonly phase: string; readonly text: string }): void {
    const { id, generation } = instance
    this.events.emit('progress', { id, generation, ...step })
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
    const { replacement, waiting } = this.record(instance.id)
    // Its successor is on the way.
    if (!replacement) waiting.refuse(failure)
    void this.#endCurrent(instance, { reason: failure.reason, drainMs: 0, by: 'claim', failure })
  }

  /** From here on the new one is used; synchronous, so that no request comes in between. */
  #changePlaces(record: ManagedEnvironment, successor: Instance): void {
    const old = record.current
    record.current = successor
    record.consecutiveFailures = 0
    const spec = record.replacement?.spec
    if (spec) record.ownSpec = spec
    if (!old?.live) return
    // Of those that came before, none goes on: however often it is replaced, three run at the most.
    for (const retired of record.retiring?.keys() ?? []) retired.stopWaiting()
    this.idleSchedule.remove(old)
    this.#endings.retire(record, old, `replaced by generation ${successor.generation}`)
  }

  /** Changes what keeps an environment, whether it runs or not. */
  keep(id: EnvironmentId, change: (keeping: Keeping) => void): void {
    const record = this.record(id)
    change(record.keeping)
    if (record.current && mayBeIdle(record.current.state)) this.idleSchedule.rearm(record.current)
    this.#keptNoMore.get(id)?.cancel()
    this.#keptNoMore.delete(id)
    const forMs = record.keeping.extendedUntilMs - this.clock.nowMs()
    if (forMs > 0 && !this.closed) {
      this.#keptNoMore.set(
        id,
        this.clock.setTimer(forMs, () => this.keep(id, () => {})),
      )
    }
    // It may make room now.
    this.capacity.changed()
    this.#retire(record)
  }

  /** Where an environment stands among those that wait to start. */
  positionOf(id: EnvironmentId): QueuePosition | undefined {
    return this.#positions.of(id)
  }

  #endCurrent(instance: Instance, how: End): Promise<void> {
    return this.#endings.end(this.record(instance.id), instance, how)
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
          this.events.emit('problem', asAlcoveError(error, record.id))
        }
      })
      .then(() => {
        record.opening = undefined
        this.settled(record)
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
      problem: (error) => this.events.emit('problem', error),
    }).then(() => {
      record.suspending = undefined
      this.#settle(record)
    })
  }

  /** Nothing is under way any more: there may be a place, and whoever came meanwhile may begin. */
  settled(record: ManagedEnvironment): void {
    this.capacity.changed()
    this.#settle(record)
  }

  #countFailure(record: ManagedEnvironment, instance: Instance, error: AlcoveError): Failure {
    const { readySinceMs } = instance
    const readyForMs = readySinceMs === undefined ? 0 : this.clock.nowMs() - readySinceMs
    if (readyForMs >= this.options.stableAfterMs) record.consecutiveFailures = 0
    return recordFailure(record, error, this, instance)
  }

  async #makeRoom(limit: PlaceLimit, { owner, memoryBytes }: Applicant): Promise<boolean> {
    if (limit !== 'memoryBudgetBytes') {
      const isMeant = ({ plan }: Instance): boolean =>
        limit === 'maxEnvironments' || plan.owner === owner
      return this.#evictLongestIdle('capacity', isMeant)
    }
    const declares = ({ plan }: Instance): boolean => plan.memoryBytes > 0
    const { reservedBytes, limitBytes } = this.memory
    let withAllBytes = limitBytes - reservedBytes
    this.idleSchedule.longestIdle((instance) => {
      if (this.#mayGo(instance)) withAllBytes += instance.plan.memoryBytes
      return false
    })
    // Where all of them together would not do, none has to go.
    return withAllBytes >= memoryBytes && this.#evictLongestIdle('capacity', declares)
  }

  /** Whether an idle instance may be stopped for another's sake. */
  #mayGo({ postponedUntilMs, kept }: Instance): boolean {
    return postponedUntilMs <= this.clock.nowMs() && !kept
  }

  /** Stops the environment of some that was idle longest; `false`: none is idle. */
  async #evictLongestIdle(
    why: Eviction['why'],
    isMeant: (instance: Instance) => boolean,
  ): Promise<boolean> {
    const tried = new Set<Instance>()
    const mayGo = (instance: Instance): boolean =>
      isMeant(instance) && !tried.has(instance) && this.#mayGo(instance)
    for (;;) {
      // Looked for anew each time: much may happen while the host is asked about one.
      const instance = this.idleSchedule.longestIdle(mayGo)
      if (!instance) return false
      tried.add(instance)
      // eslint-disable-next-line no-await-in-loop -- one place is needed, not all of them
      if (await this.#evictions.evict(instance, why)) return true
    }
  }

  /** Forgets what nobody can ask for, and bounds what is kept of environments that do not run. */
  #retire(record: ManagedEnvironment): void {
    // Another record may have taken its place since somebody has held on to this one.
    if (this.records.get(record.id) !== record) return
    if (record.state !== 'stopped' || record.isWanted) return
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
      this.events.emit('problem', error),
    )
    return session
  }

  async #report(work: (session: Session) => Promise<void>): Promise<void> {
    try {
      await work(await this.#session)
    } catch (error) {
      this.events.emit('problem', asAlcoveError(error, 'unknown'))
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
