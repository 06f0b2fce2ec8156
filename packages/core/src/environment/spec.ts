import { createHash } from 'node:crypto'
import type { ReadinessProbe } from '../readiness/probe.js'
import type { EnvironmentId } from './id.js'
import type { Preparation } from './preparation.js'
import type { WarmHours } from './warm-hours.js'

/** What JSON can carry. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/**
 * What an environment is to run.
 *
 * Only `spawner` and `run` make up its hash: a change of owner, memory, preparation or policy never replaces a running instance.
 */
export interface Spec<Run extends Json = Json> {
  /** What the spawner is to start, in that spawner's own form. */
  readonly run: Run
  /** The name of the spawner. @default the manager's first */
  readonly spawner?: string
  /** Whom the environment counts against. One that `authorize` names goes before it. @default the environment's id */
  readonly owner?: string
  /** What is set aside of `memoryBudgetBytes` while it runs; it is no limit of what it may use. @default 0 */
  readonly memoryBytes?: number
  /** What has to be there before it can start: a checkout, installed packages, a migrated database. */
  readonly prepare?: Preparation
  /** Differences from the manager's own policy. */
  readonly policy?: Partial<Policy>
}

/** How long an environment may take, live and idle. All durations are in milliseconds. */
export interface Policy {
  /** From the spawner's start to an instance that can be named. @default 60_000 */
  readonly startTimeoutMs: number
  /** From then to the first ready answer. @default 60_000 */
  readonly readyTimeoutMs: number
  /** Between the polite and the forced end of an instance. @default 5_000 */
  readonly graceMs: number
  /** How long what an instance serves may go on once it is replaced, or has reached `maxLifetimeMs`. @default 30_000 */
  readonly drainTimeoutMs: number
  /** An environment without a lease for this long is stopped. `Infinity`: never. @default 600_000 */
  readonly idleTimeoutMs: number
  /**
   * An environment without a lease for this long is frozen, where its spawner can: it costs no CPU, and the next request thaws it.
   * `Infinity`: never. @default Infinity
   */
  readonly suspendAfterMs: number
  /**
   * When an environment is kept running, used or not, and started anew where it was stopped for being idle. It is known from its first
   * start on, and until somebody stops it by hand.
   *
   * @default []
   */
  readonly keepWarm: readonly WarmHours[]
  /** An instance older than this is drained and stopped. `Infinity`: never. @default Infinity */
  readonly maxLifetimeMs: number
  /** An upgraded connection that carries nothing but keep-alives for this long is closed. @default 1_800_000 */
  readonly upgradeIdleTimeoutMs: number
  /** When an instance counts as ready. @default tcpReadiness() */
  readonly readiness: ReadinessProbe
}

/** The question which environment, if any, an id names. */
export interface SpecRequest {
  readonly id: EnvironmentId
  /** The router's template, where it names one. */
  readonly template?: string
  readonly signal: AbortSignal
}

/**
 * Which ids exist, and as what; asked at every start. `undefined`: no such environment, the answer is 404 and nothing starts.
 *
 * @example
 * ```ts
 * const specFor: SpecFor = ({ id }) =>
 *   existsSync(`worktrees/${id}`) ? { run: { command: ['npm', 'run', 'dev'], cwd: `worktrees/${id}` } } : undefined
 * ```
 */
export type SpecFor<Run extends Json = Json> = (
  request: SpecRequest,
) => Spec<Run> | undefined | Promise<Spec<Run> | undefined>

/** A stable hash over the spawner's name and the canonical `run`: key order does not matter. */
export function specHash(spawner: string, run: Json): string {
  const digest = createHash('sha256')
    .update(`${spawner}\n${canonical(run)}`)
    .digest()
  // Not a piece of its text, which would keep the whole.
  return digest.toString('hex', 0, 16)
}

// RFC 8785 in essence: members sorted by code unit, no white space, undefined members left out as JSON.stringify() does.
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value as Record<string, Json>)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`)
    return `{${members.join(',')}}`
  }
  return JSON.stringify(value)
}
