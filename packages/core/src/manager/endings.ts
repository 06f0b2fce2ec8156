import type { Claim, Failure, Session } from '../coordination/coordinator.js'
import { type AlcoveError, SpawnerUnavailableError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Supervisor } from '../instance/supervisor.js'
import type { GuardedSpawner } from '../spawning/guarded-spawner.js'
import { asAlcoveError, type PublishedHandle, sessionLost } from './opening.js'
import type { ManagedEnvironment } from './record.js'

/** What has to be ended is ended, while the gateway closes too. */
const never = new AbortController().signal

/** How an instance is to be ended. */
export interface End {
  readonly reason: string
  readonly drainMs: number
  /** `leave`: others may go on using it. `claim`: it ends for all. */
  readonly by: 'leave' | 'claim'
  /** Why it has to end, where that is a failure. */
  readonly failure?: AlcoveError
}

/** What an ending needs of its manager. */
export interface EndingContext {
  readonly supervisor: Supervisor
  readonly spawners: ReadonlyMap<string, GuardedSpawner>
  /** For what another gateway started, whose own policy is not known here. */
  readonly graceMs: number
  session(): Promise<Session>
  countFailure(record: ManagedEnvironment, instance: Instance, error: AlcoveError): Failure
  problem(error: AlcoveError): void
  /** Nothing of an instance is left: there is a place, and whoever came meanwhile may begin. */
  ended(record: ManagedEnvironment): void
}

/** Ends instances: drained, by a claim, and once however many ask for it. */
export class Endings {
  constructor(private readonly context: EndingContext) {}

  /** Resolves when nothing of the instance is left, or it is left to others; never rejects. */
  end(record: ManagedEnvironment, instance: Instance, how: End): Promise<void> {
    if (record.current !== instance || !instance.live) return record.stopping ?? Promise.resolve()
    // None of these is to be taken back half-way.
    const underWay =
      (instance.state === 'resuming' ? record.openingDone : record.suspending) ??
      record.replacement?.done
    if (underWay) return underWay.then(() => this.end(record, instance, how))
    if (instance.state !== 'stopping') {
      instance.become('stopping', how.reason)
      record.stopping = this.#end(record, instance, how)
        .catch((error: unknown) => this.context.problem(asAlcoveError(error, record.id)))
        .then(() => {
          record.stopping = undefined
          this.context.ended(record)
        })
    } else {
      void instance.drained(how.drainMs).then(() => instance.stopWaiting())
    }
    return record.stopping ?? Promise.resolve()
  }

  /** Stops an instance that another gateway started and this one does not use. */
  async endElsewhere(record: ManagedEnvironment, reason: string): Promise<void> {
    const session = await this.context.session()
    const claim: Claim | undefined = await session.claim(record.id, 'stop', never)
    if (!claim?.at) return
    const { spawner: name, handle } = claim.at.handle as PublishedHandle
    const spawner = this.context.spawners.get(name)
    try {
      await spawner?.stop(handle, this.context.graceMs)
    } finally {
      await claim.end()
    }
    if (spawner) return
    throw new SpawnerUnavailableError(
      `Environment "${record.id}" can't be stopped (${reason}): it was started with the spawner "${name}", which this gateway does not have`,
      { id: record.id },
    )
  }

  /** Drains and stops an instance that another has taken the place of: it is published no more, so no claim is needed. */
  retire(record: ManagedEnvironment, instance: Instance, reason: string): void {
    if (!instance.live) return
    instance.become('stopping', reason)
    instance.revokeAll('drain')
    const { supervisor } = this.context
    const done = instance
      .drained(instance.plan.policy.drainTimeoutMs)
      .then(() => supervisor.stop(instance, reason))
      .catch((error: unknown) => {
        instance.stopError = asAlcoveError(error, record.id)
        this.context.problem(instance.stopError)
      })
      .then(() => {
        record.retiring?.delete(instance)
        this.context.ended(record)
      })
    record.retiring ??= new Map()
    record.retiring.set(instance, done)
  }

  /** Resolves when nothing of the retired instances is left, after `drainMs` at the latest. */
  async endRetired(record: ManagedEnvironment, drainMs: number): Promise<void> {
    const retiring = [...(record.retiring ?? [])]
    await Promise.all(
      retiring.map(async ([instance, done]) => {
        await instance.drained(drainMs)
        instance.stopWaiting()
        await done
      }),
    )
    for (const [{ stopError }] of retiring) if (stopError) throw stopError
  }

  async #end(record: ManagedEnvironment, instance: Instance, how: End): Promise<void> {
    const { context } = this
    const { id, generation } = instance
    const session = await context.session()
    if (session.lost.aborted) {
      context.supervisor.detach(instance, how.reason)
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
      context.supervisor.detach(instance, 'others still use it')
      return
    }
    let failure = how.failure && context.countFailure(record, instance, how.failure)
    try {
      await context.supervisor.stop(instance, how.reason, how.failure !== undefined)
    } catch (error) {
      instance.stopError = asAlcoveError(error, id)
      failure ??= context.countFailure(record, instance, instance.stopError)
      throw error
    } finally {
      await claim.end(failure)
    }
  }
}
