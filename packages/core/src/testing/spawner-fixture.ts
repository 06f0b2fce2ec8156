import type { Json } from '../environment/spec.js'
import type { ExitInfo, Spawner } from '../spawning/spawner.js'

/** A part of the contract that may not apply to a spawner at all. */
export type SpawnerAspect =
  /** Instances can end, by `stop` and otherwise. */
  | 'end'
  /** Instances can end by themselves. */
  | 'crash'
  /** `start` can fail after `check` has let pass. */
  | 'failure'
  /** `start` can take long enough to be aborted in its middle. */
  | 'slow start'
  /** Instances can refuse a polite end. */
  | 'grace'
  /** Instances print something. */
  | 'logs'
  /** A later spawner finds what a former one has left. */
  | 'recovery'

/** A spawner under test, with all that it is to be tested with. Every run but `badRuns` passes its `check`. */
export interface SpawnerFixture<Run extends Json = Json, Handle extends Json = Json> {
  readonly spawner: Spawner<Run, Handle>
  /** Answers GET requests to `/`, with whatever status, until it is stopped. */
  readonly run: Run
  /** What `check` has to refuse; one at least. */
  readonly badRuns: readonly unknown[]
  /** Prints the line soon after its start, and runs on. */
  readonly printing?: { readonly run: Run; readonly line: string }
  /** Prints the line, then ends by itself in this way. */
  readonly crashing?: {
    readonly run: Run
    readonly line?: string
    readonly exit: Partial<ExitInfo>
  }
  /** Makes `start` reject. */
  readonly failingRun?: Run
  /** Makes `start` take until it is aborted; `begun` resolves when that may be done. */
  readonly slow?: { readonly run: Run; begun(): Promise<void> }
  /** Answers as `run` does, and does not end when it is politely asked to. */
  readonly stubbornRun?: Run
  /** Another spawner that finds what this one, closed by then, has left: as after a restart of the gateway. */
  reopen?(): Promise<Spawner<Run, Handle>>
  /** Names what instances have left: processes, sockets, folders, containers. */
  leftovers(): Promise<readonly string[]>
  /** Ends whatever is left, the spawner's own clients too. */
  dispose(): Promise<void>
  /** What does not apply to this spawner, and why: those tests are skipped with the reason. */
  readonly notApplicable?: Readonly<Partial<Record<SpawnerAspect, string>>>
}

/** What the conformance suite is run on. */
export interface SpawnerUnderTest<Run extends Json = Json, Handle extends Json = Json> {
  readonly name: string
  /** Makes a spawner for one test, which shares nothing with those of other tests. */
  make(): Promise<SpawnerFixture<Run, Handle>>
  /** How long anything may take before a test fails. @default 15_000 */
  readonly patienceMs?: number
}
