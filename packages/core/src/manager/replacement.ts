import { unlessAborted } from '../abort.js'
import type { Claim, Session } from '../coordination/coordinator.js'
import type { Spec } from '../environment/spec.js'
import type { Instance } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import type { MemoryReservation } from './memory-budget.js'
import { type OpeningContext, published } from './opening.js'
import type { Planned } from './planning.js'
import type { ManagedEnvironment } from './record.js'
import { startInTurn } from './starting.js'

/**
 * Starts an instance beside the one that serves, which goes on until the new one is ready; then they change places in one
 * synchronous step, and the old one is drained and stopped. A new one that fails leaves the old one serving.
 */
export class Replacement {
  /** Resolves, never rejects, once it has come to its end, good or bad. */
  readonly done: Promise<void>
  /** What is to take the place of the current instance. */
  successor: Instance | undefined
  readonly #abort = new AbortController()
  readonly #outcome: Promise<boolean>

  constructor(
    private readonly record: ManagedEnvironment,
    private readonly old: Instance,
    private readonly planned: Planned,
    /** What `create()` was called with: it counts from the change of places on. */
    readonly spec: Spec | undefined,
    private readonly context: OpeningContext,
  ) {
    this.#outcome = this.#run()
    this.done = this.#outcome.then(
      () => {},
      () => {},
    )
  }

  get specHash(): string {
    return this.planned.plan.specHash
  }

  cancel(reason: Error): void {
    this.#abort.abort(reason)
  }

  /**
   * Resolves when the new instance serves; `false`: what was to be replaced is gone, and nothing was started. An abort of `signal`
   * ends the wait only.
   */
  wait(signal: AbortSignal | undefined): Promise<boolean> {
    return signal ? unlessAborted(this.#outcome, signal) : this.#outcome
  }

  async #run(): Promise<boolean> {
    const { record, context, planned, old } = this
    const { signal } = this.#abort
    const { memoryBytes, owner } = planned.plan
    // It serves meanwhile: nobody is to stop it for being idle, to freeze it, or to take its place.
    const hold = old.lease()
    let memory: MemoryReservation | undefined
    try {
      const session = await unlessAborted(context.session(), signal)
      await context.capacity.enter(
        { id: record.id, owner, needsMemory: memoryBytes > 0 },
        async () => {
          memory = context.memory.reserve(memoryBytes)
          return memory
            ? { is: 'reserved' as const }
            : { is: 'refused' as const, limit: 'memoryBudgetBytes' as const }
        },
        signal,
      )
      const claim = await session.claim(record.id, 'replace', signal)
      if (!claim) return false
      if (claim.at?.generation !== old.generation) {
        await claim.end()
        return false
      }
      await this.#claimed(session, claim, memory)
      return true
    } finally {
      // What has become an instance gives it back itself.
      if (!this.successor) memory?.release()
      hold.release()
    }
  }

  async #claimed(
    session: Session,
    claim: Claim,
    memory: MemoryReservation | undefined,
  ): Promise<void> {
    const { record, context, planned, old } = this
    const { id } = record
    const instance = context.instance(record, claim.generation, planned.plan, planned.spawner)
    this.successor = instance
    instance.memory = memory
    const hold: Lease = instance.lease()
    let isPublished = false
    try {
      instance.become('queued', `to replace generation ${old.generation}`)
      await startInTurn(instance, context, this.#abort.signal, async () => {
        await claim.publish(published(instance))
        isPublished = true
      })
    } catch (error) {
      if (instance.state === 'queued') instance.become('stopped', 'was called off')
      if (isPublished && old.live) await claim.publish(published(old)).catch(() => {})
      else if (isPublished) await session.exited(id, claim.generation)
      throw error
    } finally {
      // Once another gateway has inherited the claim, there is nothing left to give back.
      await claim.end().catch(() => {})
      hold.release()
    }
  }
}
