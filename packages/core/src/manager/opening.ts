import { unlessAborted } from '../abort.js'
import type { Clock } from '../clock.js'
import type {
  Claim,
  Entry,
  Failure,
  Limits,
  Published,
  Session,
} from '../coordination/coordinator.js'
import { type Json, specHash } from '../environment/spec.js'
import {
  AlcoveError,
  BackingOffError,
  InvalidOptionError,
  SessionLostError,
  SpawnFailedError,
} from '../errors.js'
import { backOffMs } from '../instance/back-off.js'
import type { Instance } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import type { InstancePlan } from '../instance/plan.js'
import type { GuardedSpawner } from '../spawning/guarded-spawner.js'
import type { Capacity, Refusal } from './capacity.js'
import type { MemoryBudget, MemoryReservation } from './memory-budget.js'
import { planFor, type Planned, type PlanningContext } from './planning.js'
import type { ManagedEnvironment } from './record.js'
import { type StartingContext, startInTurn } from './starting.js'

/** Who asks for an environment, and as what. */
export interface OpeningRequest {
  readonly owner?: string
  readonly template?: string
}

/** An answer of the coordinator other than a refusal. */
type Admitted = Exclude<Entry, { readonly is: 'refused' }>

/** What an opening needs of its manager. */
export interface OpeningContext extends PlanningContext, StartingContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly capacity: Capacity
  readonly memory: MemoryBudget
  /** Resolves once what a former run left is dealt with. */
  session(): Promise<Session>
  instance(
    record: ManagedEnvironment,
    generation: number,
    plan: InstancePlan,
    spawner: GuardedSpawner,
  ): Instance
}

/** What is published as a handle: a gateway that did not start the instance has to know whose handle it is. */
export interface PublishedHandle {
  readonly [member: string]: Json
  readonly spawner: string
  readonly handle: Json
}

/** The one start, or take-over, of an environment that all who ask for it share. */
export class Opening {
  readonly #abort = new AbortController()
  /** Keeps the instance from the opening on, so that nothing evicts it between ready and first use. */
  #hold: Lease | undefined
  #specHash: string | undefined

  constructor(
    private readonly record: ManagedEnvironment,
    private readonly request: OpeningRequest,
    private readonly context: OpeningContext,
  ) {
    const { ownSpec } = record
    const { defaultSpawner } = context.options
    if (ownSpec) this.#specHash = specHash(ownSpec.spawner ?? defaultSpawner, ownSpec.run)
  }

  /** What it is to run; `undefined` as long as only `specFor` knows. */
  get specHash(): string | undefined {
    return this.#specHash
  }

  get cancelled(): boolean {
    return this.#abort.signal.aborted
  }

  /** Ends it. */
  cancel(reason: Error): void {
    this.#abort.abort(reason)
  }

  /** Those who waited have leases of their own. */
  granted(): void {
    this.#hold?.release()
  }

  /** Resolves when the environment is ready; rejects when nothing of it runs. Called once. */
  async run(): Promise<void> {
    const { record, context } = this
    const { signal } = this.#abort
    // Each of these may be what cancels this opening.
    if (record.stopping) await unlessAborted(record.stopping, signal)
    if (record.purging) await unlessAborted(record.purging, signal)
    if (record.replacement) await unlessAborted(record.replacement.done, signal)
    signal.throwIfAborted()
    // Whoever waited has got the new one.
    if (record.current?.state === 'ready') return
    const session = await unlessAborted(context.session(), signal)
    const { plan, spawner } = await this.#plan()
    this.#specHash = plan.specHash
    for (;;) {
      signal.throwIfAborted()
      if (session.lost.aborted) throw sessionLost(record.id)
      // eslint-disable-next-line no-await-in-loop -- one answer decides on the next question
      const { entry, memory } = await this.#enter(session, plan)
      if (entry.is === 'claimed' && entry.claim.to === 'resume') {
        // eslint-disable-next-line no-await-in-loop -- as above
        if (await this.#resume(session, entry.claim, plan)) return
        continue
      }
      if (entry.is === 'claimed') return this.#claimed(session, entry.claim, plan, spawner, memory)
      if (entry.is === 'running') return this.#adopt(entry.at, plan)
      if (entry.is === 'failed') throw backingOff(record, entry.failure)
      // eslint-disable-next-line no-await-in-loop -- as above
      await unlessAborted(entry.changed, signal)
    }
  }

  /** With the memory that a start needs, which is taken with its place or not at all. */
  async #enter(
    session: Session,
    { owner, memoryBytes }: InstancePlan,
  ): Promise<{ readonly entry: Admitted; readonly memory: MemoryReservation | undefined }> {
    const { context } = this
    const { id } = this.record
    const { signal } = this.#abort
    let memory: MemoryReservation | undefined
    const entry = await context.capacity.enter(
      { id, owner, needsPlace: true, memoryBytes },
      async (): Promise<Admitted | Refusal> => {
        const answer = await session.enter(id, owner, context.limits, signal)
        if (answer.is !== 'claimed' || answer.claim.to !== 'start') return answer
        memory = context.memory.reserve(memoryBytes)
        if (memory) return answer
        await answer.claim.end()
        // Somebody may have been refused that place.
        context.capacity.changed('memoryBudgetBytes')
        return { is: 'refused', limit: 'memoryBudgetBytes' }
      },
      signal,
    )
    return { entry, memory }
  }

  #plan(): Promise<Planned> {
    const { record, request, context } = this
    return planFor(
      {
        id: record.id,
        spec: record.ownSpec,
        owner: request.owner,
        template: request.template,
      },
      context,
      this.#abort.signal,
    )
  }

  async #claimed(
    session: Session,
    claim: Claim,
    plan: InstancePlan,
    spawner: GuardedSpawner,
    memory: MemoryReservation | undefined,
  ): Promise<void> {
    const { record, context } = this
    record.consecutiveFailures = claim.after?.consecutive ?? 0
    const instance = context.instance(record, claim.generation, plan, spawner)
    instance.memory = memory
    return this.#bringUp(session, claim, instance, (publish) => {
      instance.become('queued', 'asked for')
      return startInTurn(instance, context, this.#abort.signal, publish)
    })
  }

  /** Thaws an instance, of this gateway or another. @returns `false` where it has ended, or is about to, since the claim was made */
  async #resume(session: Session, claim: Claim, plan: InstancePlan): Promise<boolean> {
    const { record, context } = this
    const { signal } = this.#abort
    const { current } = record
    const state = current?.generation === claim.generation ? current.state : undefined
    if (signal.aborted || state === 'stopping' || state === 'failed') {
      if (state === 'failed') await session.exited(record.id, claim.generation)
      await claim.end()
      if (record.stopping) await unlessAborted(record.stopping, signal)
      signal.throwIfAborted()
      return false
    }
    if (current && state === 'suspended') {
      await this.#bringUp(session, claim, current, (publish) => {
        current.become('resuming', 'asked for')
        return context.supervisor.resume(current, signal, publish)
      })
    } else {
      await this.#resumeElsewhere(session, claim, plan)
    }
    return true
  }

  /** Thaws what another gateway has frozen. */
  async #resumeElsewhere(session: Session, claim: Claim, plan: InstancePlan): Promise<void> {
    const at = claim.at as Published
    const { spawner, handle } = this.#find(at)
    let held = true
    try {
      await spawner.resume(handle)
      await claim.publish({ ...at, suspended: false })
      await claim.end()
      held = false
      await this.#adopt(at, plan)
    } catch (error) {
      if (held) await claim.end().catch(() => {})
      // Whoever does not get to use it must not keep it alive.
      const last = await session.leave(this.record.id, at.generation, 'stop')
      if (last) {
        await spawner.stop(handle, plan.policy.graceMs)
        await last.end()
      }
      throw error
    }
  }

  /** Brings an instance to `ready` by a claim, which is given back in any case; so is the place of one that does not get there. */
  async #bringUp(
    session: Session,
    claim: Claim,
    instance: Instance,
    work: (publish: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { record } = this
    this.#hold = instance.lease()
    let held = true
    // Before it counts as ready: whoever uses it then may be the one to stop it, which takes a claim of its own.
    const publish = async (): Promise<void> => {
      await claim.publish(published(instance))
      await claim.end()
      held = false
    }
    try {
      await work(publish)
    } catch (error) {
      if (instance.state === 'queued') instance.become('stopped', 'nobody waits for it any more')
      const failed = instance.state === 'failed' ? this.#failed(error, instance) : undefined
      // What was frozen is gone, where somebody stopped it while it was thawed.
      if (held && claim.to === 'resume' && !failed) {
        await session.exited(record.id, claim.generation)
      }
      // Once another gateway has inherited the claim, there is nothing left to give back.
      if (held) await claim.end(failed).catch(() => {})
      else await session.exited(record.id, claim.generation, failed)
      throw error
    } finally {
      this.#hold.release()
    }
  }

  async #adopt(at: Published, plan: InstancePlan): Promise<void> {
    const { record, context } = this
    const { spawner, handle } = this.#find(at)
    if (record.current?.state === 'suspended') {
      context.supervisor.detach(record.current, 'another gateway has thawed it')
    }
    const instance = context.instance(
      record,
      at.generation,
      { ...plan, owner: at.owner, specHash: at.specHash, spawnerName: spawner.name },
      spawner,
    )
    this.#hold = instance.lease()
    try {
      instance.become('queued', 'asked for')
      await context.supervisor.adopt(instance, handle, this.#abort.signal)
    } finally {
      this.#hold.release()
    }
  }

  /** @throws {@link InvalidOptionError} where another gateway has a spawner that this one does not have */
  #find(at: Published): { readonly spawner: GuardedSpawner; readonly handle: Json } {
    const { spawner: name, handle } = at.handle as PublishedHandle
    const spawner = this.context.spawners.get(name)
    if (spawner) return { spawner, handle }
    const { id } = this.record
    throw new InvalidOptionError(
      `Environment "${id}" was started by another gateway with the spawner "${name}", which this one does not have; give all gateways the same spawners`,
      { id },
    )
  }

  #failed(error: unknown, instance: Instance): Failure {
    return recordFailure(this.record, asAlcoveError(error, this.record.id), this.context, instance)
  }
}

/** Counts a failure, and tells when the environment may be tried again. */
export function recordFailure(
  record: ManagedEnvironment,
  error: AlcoveError,
  context: Pick<OpeningContext, 'options' | 'clock'>,
  instance: Instance,
): Failure {
  record.consecutiveFailures += 1
  const retryAfterMs = backOffMs(record.consecutiveFailures, context.options)
  record.failure = { error, retryAtMs: context.clock.nowMs() + retryAfterMs }
  if (retryAfterMs !== Number.POSITIVE_INFINITY) error.retryAfterMs ??= retryAfterMs
  return {
    reason: error.reason,
    retryAfterMs,
    consecutive: record.consecutiveFailures,
    ...(instance.exit && { exit: instance.exit }),
  }
}

export function asAlcoveError(error: unknown, id: string): AlcoveError {
  if (error instanceof AlcoveError) return error
  return new SpawnFailedError(`Environment "${id}" failed: ${String(error)}`, { id, cause: error })
}

/** What all gateways are to know of an instance. */
export function published(instance: Instance, suspended = false): Published {
  const { id, generation, namedBy: handle, endpoint, plan } = instance
  if (!endpoint) throw new Error(`Environment "${id}" is not ready yet`)
  return {
    id,
    generation,
    owner: plan.owner,
    specHash: plan.specHash,
    handle: { spawner: plan.spawnerName, handle } satisfies PublishedHandle,
    endpoint,
    suspended,
  }
}

function backingOff({ id, current }: ManagedEnvironment, failure: Failure): BackingOffError {
  const lastLogLines = current?.log.tail(10) ?? []
  const { reason, retryAfterMs, consecutive = 1 } = failure
  const times = consecutive === 1 ? 'once' : `${consecutive} times in a row`
  if (retryAfterMs === Number.POSITIVE_INFINITY) {
    return new BackingOffError(
      `${reason}. It failed ${times} and is not started again until somebody restarts it`,
      { id, lastLogLines },
    )
  }
  return new BackingOffError(
    `${reason}. It failed ${times} and is tried again in ${Math.ceil(retryAfterMs / 1_000)} s`,
    { id, retryAfterMs, lastLogLines },
  )
}

export function sessionLost(id: string): SessionLostError {
  return new SessionLostError(
    `Environment "${id}" can't be started or stopped: this gateway has lost its coordinator`,
    { id, retryAfterMs: 5_000 },
  )
}
