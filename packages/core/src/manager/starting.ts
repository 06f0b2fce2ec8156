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
export async function startInTurn(
  instance: Instance,
  { supervisor, starts, preparations }: StartingContext,
  signal: AbortSignal,
  publish: () => Promise<void>,
): Promise<void> {
  const { id, plan } = instance
  const start = (prepare: () => Promise<void>): Promise<void> =>
    supervisor.start(instance, signal, { prepare, publish })
  for (;;) {
    if (preparations.isUnderWay(instance)) {
      // It takes one turn, however many wait for it.
      try {
        // eslint-disable-next-line no-await-in-loop -- what has come of it decides
        await preparations.prepare(instance, signal)
      } catch (error) {
        signal.throwIfAborted()
        return start(() => Promise.reject(error))
      }
    }
    const inTurn = async (): Promise<boolean> => {
      if (preparations.isUnderWay(instance)) return false
      await start(() => preparations.prepare(instance, signal))
      return true
    }
    // eslint-disable-next-line no-await-in-loop -- once, or anew where another has begun to prepare the same meanwhile
    if (await starts.run({ id, owner: plan.owner }, inTurn, signal)) return
  }
}
