import type { EnvironmentId } from './id.js'

/** What a preparation is told. */
export interface PreparationContext {
  /** The environment that needs it first. */
  readonly id: EnvironmentId
  readonly specHash: string
  /** Aborts at the timeout, and where nobody needs it any more. */
  readonly signal: AbortSignal
  /** Between the polite and the forced end of what is to end once {@link signal} has aborted. */
  readonly graceMs: number
  /** A line for the logs of all that wait for it. */
  log(line: string): void
  /** What it is doing now, for whoever waits: one of {@link ManagerEvents} `progress`, with the phase `prepare`. */
  progress(text: string): void
}

/**
 * What has to be there before an environment can start. It is made once for each hash of a spec, for all environments with the same
 * `run`, and again after a failure, a purge, and in another run of the gateway: a step that finds its work done should do nothing.
 *
 * @example
 * ```ts
 * const specFor: SpecFor = ({ id }) => ({
 *   run: { command: ['node', 'server.js'], env: { DATABASE: `app_${id}` } }, // differs by id, so it is prepared for each
 *   prepare: {
 *     timeoutMs: 120_000,
 *     run: async ({ signal, progress }) => {
 *       progress('migrating the database')
 *       await migrate(`app_${id}`, { signal })
 *     },
 *     undo: async () => dropDatabase(`app_${id}`),
 *   },
 * })
 * ```
 */
export interface Preparation {
  /** Rejects with what is wrong, in a sentence. */
  run(context: PreparationContext): Promise<void>
  /** Takes away what a run that failed, timed out or was called off has left half-made; called before anybody is told. It has 30 s. */
  undo?(context: PreparationContext): Promise<void>
  /** How long a run may take. @default 600_000 */
  readonly timeoutMs?: number
  /** Makes another preparation of what is otherwise the same spec: a commit, the hash of a lockfile. @default '' */
  readonly key?: string
}
