import { unlessAborted } from '../abort.js'
import { type Spec, specHash } from '../environment/spec.js'
import { serves } from '../environment/state.js'
import { ClosedError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import type { OpeningContext, OpeningRequest } from './opening.js'
import { planFor } from './planning.js'
import type { ManagedEnvironment } from './record.js'
import { Replacement } from './replacement.js'

/** What is to run from now on. */
export interface ReplacementRequest extends OpeningRequest {
  readonly spec?: Spec
  /** Also where it runs what the spec says already. */
  readonly always: boolean
}

/** What replacements need of their manager. */
export interface ReplacingContext extends OpeningContext {
  readonly closed: boolean
  stop(record: ManagedEnvironment, drainMs: number, reason: string): Promise<void>
  /** It has come to its end, good or bad. */
  settled(record: ManagedEnvironment): void
}

/** Decides whether what runs is to be replaced, and sees to it that an environment has one replacement at a time. */
export class Replacements {
  constructor(private readonly context: ReplacingContext) {}

  /**
   * Starts what a spec says beside what runs, and changes over when that is ready. Where nothing serves, nothing is started: what is
   * on its way with another spec is stopped.
   *
   * @returns a lease on the new instance, so that nothing evicts it before whoever asked has it
   */
  async replace(
    record: ManagedEnvironment,
    request: ReplacementRequest,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { context } = this
    const { spec, always } = request
    const wanted = spec && specHash(spec.spawner ?? context.options.defaultSpawner, spec.run)
    for (;;) {
      signal.throwIfAborted()
      if (context.closed) throw new ClosedError()
      const { current, replacement } = record
      if (replacement) {
        const isSame = wanted === undefined || replacement.specHash === wanted
        // eslint-disable-next-line no-await-in-loop -- what has come of it decides
        const lease = isSame ? await replacement.wait(signal) : undefined
        if (lease) return lease
        // eslint-disable-next-line no-await-in-loop -- one after another
        await unlessAborted(replacement.done, signal)
        continue
      }
      const isServing = current !== undefined && serves(current.state)
      const { opening } = record
      const onItsWay = opening && !isServing ? opening.specHash : current?.plan.specHash
      if (!always && (wanted === undefined || wanted === onItsWay)) return undefined
      if (!isServing) {
        const isUnderWay = opening ?? (current?.live === true || current?.state === 'queued')
        if (!isUnderWay || opening?.cancelled) return undefined
        const { graceMs } = current?.plan.policy ?? context.options.policy
        // Whoever comes while that is stopped starts what it is to run from now on.
        if (spec) record.ownSpec = spec
        // eslint-disable-next-line no-await-in-loop -- once
        await context.stop(record, graceMs, 'its spec has changed')
        return undefined
      }
      // eslint-disable-next-line no-await-in-loop -- once, or anew where all has changed meanwhile
      const lease = await this.#begin(record, current, request, signal)
      if (lease) return lease
    }
  }

  async #begin(
    record: ManagedEnvironment,
    current: Instance,
    { spec, owner, template }: ReplacementRequest,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { context } = this
    const planned = await planFor({ id: record.id, spec, owner, template }, context, signal)
    if (context.closed) throw new ClosedError()
    // Much may have happened while `specFor` was asked.
    if (record.current !== current || record.replacement || !serves(current.state)) return undefined
    const replacement = new Replacement(record, current, planned, spec, context)
    record.replacement = replacement
    void replacement.done.then(() => {
      record.replacement = undefined
      context.settled(record)
    })
    return replacement.wait(signal)
  }
}
