import type { EnvironmentId } from './id.js'

/** What a preparation is told. */
export interface PreparationContext {
  /** The environment that needs it first. */
  readonly id: EnvironmentId
  readonly specHash: string
  /** Aborts at the timeout, and where nobody needs it any more. */
  readonly signal: AbortSignal
  /** A line for the logs of all that wait for it. */
  log(line: string): void
  /** What it is doing now, for whoever waits: one of {@link ManagerEvents} `progress`, with the phase `prepare`. */
  progress(text: string): void
}

/**
 * What has to be there before an environment can start. It is made once for each hash of a spec, for all that wait for it, and again
 * after a failure, a purge, and in another run of the gateway: a step that finds its work done should do nothing.
 *
 * @example
 * ```ts
 * const preparation: Preparation = {
 *   timeoutMs: 120_000,
 *   run: async ({ id, signal, progress }) => {
 *     progress('migrating the database')
 *     await migrate(`app_${id}`, { signal })
 *   },
 *   undo: async ({ id }) => dropDatabase(`app_${id}`),
 * }
 * ```
 */
export interface Preparation {
  /** Rejects with what is wrong, in a sentence. */
  run(context: PreparationContext): Promise<void>
  /** Takes away what a run that failed, timed out or was called off has left half-made; called before anybody is told. */
  undo?(context: PreparationContext): Promise<void>
  /** How long a run may take. @default 600_000 */
  readonly timeoutMs?: number
  /** Makes another preparation of what is otherwise the same spec: a commit, the hash of a lockfile. @default '' */
  readonly key?: string
}
