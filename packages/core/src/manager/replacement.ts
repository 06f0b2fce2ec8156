import { unlessAborted } from '../abort.js'
import type { Claim, Session } from '../coordination/coordinator.js'
import type { Spec } from '../environment/spec.js'
import { UnsupportedError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import { WaitList } from '../instance/wait-list.js'
import { inMebibytes, type MemoryReservation } from './memory-budget.js'
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
  readonly #planned: Planned
  readonly #abort = new AbortController()
  readonly #waiting = new WaitList(() => {})
  #isOver = false

  constructor(
    private readonly record: ManagedEnvironment,
    private readonly old: Instance,
    planned: Planned,
    /** What `create()` was called with: it counts from the change of places on. */
    readonly spec: Spec | undefined,
    private readonly context: OpeningContext,
  ) {
    // Its place is counted for the owner that it was taken for, until it is free again.
    this.#planned = { ...planned, plan: { ...planned.plan, owner: old.plan.owner } }
    this.done = this.#run()
      .catch((error: unknown) => this.#waiting.refuse(error))
      .then(() => {
        this.#isOver = true
        // What was to be replaced is gone, and nothing was started.
        this.#waiting.refuse(nothing)
      })
  }

  get specHash(): string {
    return this.#planned.plan.specHash
  }

  cancel(reason: Error): void {
    this.#abort.abort(reason)
  }

  /**
   * Resolves to a lease when the new instance serves; to `undefined` where what was to be replaced is gone, and nothing was started.
   * An abort of `signal` ends the wait only.
   */
  async wait(signal: AbortSignal): Promise<Lease | undefined> {
    if (this.#isOver) return undefined
    try {
      return await this.#waiting.join(signal)
    } catch (error) {
      if (error === nothing) return undefined
      throw error
    }
  }

  async #run(): Promise<void> {
    const { record, context, old } = this
    const planned = this.#planned
    const { signal } = this.#abort
    const { memoryBytes, owner } = planned.plan
    assertFits(record.id, memoryBytes + old.plan.memoryBytes, context.memory.limitBytes)
    // It serves meanwhile: nobody is to stop it for being idle, to freeze it, or to take its place.
    const hold = old.lease()
    let memory: MemoryReservation | undefined
    try {
      const session = await unlessAborted(context.session(), signal)
      await context.capacity.enter(
        { id: record.id, owner, needsPlace: false, memoryBytes },
        async () => {
          memory = context.memory.reserve(memoryBytes)
          return memory
            ? { is: 'reserved' as const }
            : { is: 'refused' as const, limit: 'memoryBudgetBytes' as const }
        },
        signal,
      )
      const claim = await session.claim(record.id, 'replace', signal)
      if (claim?.at?.generation === old.generation) await this.#claimed(session, claim, memory)
      else await claim?.end()
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
    const { record, context, old } = this
    const planned = this.#planned
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
      // While it is held, so that nothing evicts it before they have it.
      this.#waiting.grant(instance)
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

/** What those are told for whom nothing was done. */
const nothing = new Error('Nothing was replaced')

/** @throws {@link UnsupportedError} where two would never fit beside each other */
function assertFits(id: string, bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return
  throw new UnsupportedError(
    `Environment "${id}" can't be replaced while it runs: both instances declare ${inMebibytes(bytes)} MiB, and this gateway has ${inMebibytes(limitBytes)} MiB in all; stop it first, or raise \`memoryBudgetBytes\``,
    { id },
  )
}
