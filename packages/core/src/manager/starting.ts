import type { Instance } from '../instance/instance.js'
import type { Supervisor } from '../instance/supervisor.js'
import type { Preparations } from './preparations.js'
import type { StartQueue } from './start-queue.js'

/** What a start goes through. */
export interface StartingContext {
  readonly supervisor: Supervisor
  readonly starts: StartQueue
  readonly preparations: Preparations
}

/**
 * Prepares and starts a queued instance in its turn; `publish` is called once it answers, before it counts as ready. After a rejection
 * nothing of it runs.
 */
export function startInTurn(
  instance: Instance,
  { supervisor, starts, preparations }: StartingContext,
  signal: AbortSignal,
  publish: () => Promise<void>,
): Promise<void> {
  const { id, plan } = instance
  return starts.run(
    { id, owner: plan.owner },
    () =>
      supervisor.start(instance, signal, {
        prepare: () => preparations.prepare(instance, signal),
        publish,
      }),
    signal,
  )
}
