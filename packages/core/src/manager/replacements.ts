import { unlessAborted } from '../abort.js'
import { specHash } from '../environment/spec.js'
import { ClosedError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { OpeningContext, OpeningRequest } from './opening.js'
import { planFor } from './planning.js'
import type { ManagedEnvironment } from './record.js'
import { Replacement } from './replacement.js'

/** What is to run from now on. */
export interface ReplacementRequest extends OpeningRequest {
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
   */
  async replace(
    record: ManagedEnvironment,
    request: ReplacementRequest,
    signal: AbortSignal,
  ): Promise<void> {
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
        if (isSame && (await replacement.wait(signal))) return
        // eslint-disable-next-line no-await-in-loop -- one after another
        await unlessAborted(replacement.done, signal)
        continue
      }
      const isMeant = always || (wanted !== undefined && current?.plan.specHash !== wanted)
      if (!current || !isMeant) return
      if (!serves(current)) {
        const isUnderWay = current.live || current.state === 'queued'
        if (!isUnderWay) return
        return context.stop(record, current.plan.policy.graceMs, 'its spec has changed')
      }
      // eslint-disable-next-line no-await-in-loop -- once, or anew where all has changed meanwhile
      await this.#begin(record, current, request, signal)
    }
  }

  async #begin(
    record: ManagedEnvironment,
    current: Instance,
    { spec, owner, template }: ReplacementRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const { context } = this
    const planned = await planFor({ id: record.id, spec, owner, template }, context, signal)
    // Much may have happened while `specFor` was asked.
    if (record.current !== current || record.replacement || !serves(current)) return
    const replacement = new Replacement(record, current, planned, spec, context)
    record.replacement = replacement
    void replacement.done.then(() => {
      record.replacement = undefined
      context.settled(record)
    })
  }
}

/** Whether it answers, or did a moment ago. */
function serves({ state }: Instance): boolean {
  return state === 'ready' || state === 'unready'
}
