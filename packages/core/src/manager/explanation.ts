import type { Clock } from '../clock.js'
import { describeEndpoint } from '../environment/endpoint.js'
import { mayBeIdle, type State } from '../environment/state.js'
import type { Transition } from '../events.js'
import type { Instance } from '../instance/instance.js'
import type { LeaseKind } from '../instance/lease.js'
import type { Kept } from '../environment/keeping.js'
import type { QueuePosition } from '../events.js'
import type { IdleSchedule } from './idle.js'
import type { ManagedEnvironment } from './record.js'

/** Why an environment is in the state it is in, and what comes next. Times are milliseconds since the Unix epoch. */
export interface Explanation {
  readonly id: string
  readonly state: State
  /** One sentence for people: why it is alive, or why it is not. */
  readonly why: string
  /** `undefined` where it has never started. */
  readonly generation: number | undefined
  readonly owner: string | undefined
  readonly spawner: string | undefined
  readonly specHash: string | undefined
  readonly endpoint: string | undefined
  /** Held leases by kind, and how many callers wait for one. */
  readonly leases: Readonly<Record<LeaseKind | 'waiting', number>>
  /** Where it stands among those that wait to start. */
  readonly queue: QueuePosition | undefined
  /** What keeps it although nobody uses it; `untilMs` is `undefined` for a pin, which has no end. */
  readonly kept: { readonly by: Kept['by']; readonly untilMs: number | undefined } | undefined
  /** The instance that is to take its place once it is ready. */
  readonly replacement: { readonly generation: number; readonly state: State } | undefined
  readonly readySinceMs: number | undefined
  readonly lastActivityMs: number | undefined
  readonly nextDeadline:
    | { readonly what: 'suspend' | 'idle' | 'lifetime' | 'retry'; readonly atMs: number }
    | undefined
  readonly failure:
    | { readonly code: string; readonly reason: string; readonly consecutive: number }
    | undefined
  /** The last changes of state, oldest first. */
  readonly history: readonly Transition[]
  readonly lastLogLines: readonly string[]
}

/** Who knows the rest of it. */
export interface ExplanationContext {
  readonly clock: Clock
  readonly idleSchedule: IdleSchedule
  positionOf(id: string): QueuePosition | undefined
}

/** All that is known of an environment. */
export function explain(record: ManagedEnvironment, context: ExplanationContext): Explanation {
  const { clock, idleSchedule: idle } = context
  const instance = record.current
  const kept = instance?.live ? instance.kept : record.keeping.kept([])
  const queue = record.waiting.size > 0 ? context.positionOf(record.id) : undefined
  const { successor } = record
  const { told } = record
  const wall = (ms: number | undefined): number | undefined =>
    ms === undefined || !Number.isFinite(ms)
      ? undefined
      : Math.round(ms - clock.nowMs() + clock.wallMs())
  const leases = countLeases(instance, record.waiting.size)
  const deadline = nextDeadline(record, idle)
  const atMs = wall(deadline?.dueMs)
  return {
    id: record.id,
    state: record.state,
    why: why(record, {
      leases,
      deadline: deadline && { ...deadline, inMs: deadline.dueMs - clock.nowMs() },
      kept: kept && { ...kept, untilMs: wall(kept.untilMs) },
      queue,
    }),
    generation: told?.generation,
    owner: told?.owner,
    spawner: told?.spawner,
    specHash: told?.specHash,
    endpoint: instance?.live && instance.endpoint ? describeEndpoint(instance.endpoint) : undefined,
    leases,
    queue,
    kept: kept && { by: kept.by, untilMs: wall(kept.untilMs) },
    replacement: successor && { generation: successor.generation, state: successor.state },
    readySinceMs: instance?.live ? wall(instance.readySinceMs) : undefined,
    lastActivityMs: wall(told?.lastActivityMs),
    nextDeadline: deadline && atMs !== undefined ? { what: deadline.what, atMs } : undefined,
    failure: record.failure && {
      code: record.failure.error.code,
      reason: record.failure.error.reason,
      consecutive: record.consecutiveFailures,
    },
    history: [...record.history],
    lastLogLines: told?.lastLogLines ?? [],
  }
}

type Deadline = {
  readonly what: 'suspend' | 'idle' | 'lifetime' | 'retry'
  readonly dueMs: number
}

function nextDeadline(record: ManagedEnvironment, idle: IdleSchedule): Deadline | undefined {
  const { current } = record
  if (current && mayBeIdle(current.state)) return idle.deadline(current)
  return record.failure && { what: 'retry', dueMs: record.failure.retryAtMs }
}

function countLeases(
  instance: Instance | undefined,
  waiting: number,
): Record<LeaseKind | 'waiting', number> {
  const counts = { request: 0, stream: 0, upgrade: 0, waiting }
  for (const lease of instance?.live ? instance.leases : []) counts[lease.kind] += 1
  return counts
}

interface Circumstances {
  readonly leases: Record<LeaseKind | 'waiting', number>
  readonly deadline: (Deadline & { readonly inMs: number }) | undefined
  readonly kept: { readonly by: Kept['by']; readonly untilMs: number | undefined } | undefined
  readonly queue: QueuePosition | undefined
}

function why(record: ManagedEnvironment, now: Circumstances): string {
  const { leases, deadline, queue } = now
  const last = record.history.at(-1)?.reason ?? 'never asked for'
  const inSeconds = deadline && `${Math.max(0, Math.ceil(deadline.inMs / 1_000))} s`
  if (queue) return `It waits for ${awaited[queue.for]}: number ${queue.position} of ${queue.of}`
  switch (record.state) {
    case 'ready': {
      const held = leases.request + leases.stream + leases.upgrade
      if (held > 0) {
        return `It is in use: ${leases.request} requests, ${leases.stream} streams, ${leases.upgrade} upgraded connections`
      }
      return `It is idle, and ${whatEndsIt(now, inSeconds)}`
    }
    case 'suspended':
      return `It is suspended until somebody asks for it, and ${whatEndsIt(now, inSeconds)}`
    case 'failed': {
      const reason = record.failure?.error.reason ?? last
      return deadline && Number.isFinite(deadline.inMs)
        ? `It failed: ${reason}. It may be tried again in ${inSeconds}`
        : `It failed: ${reason}. It stays so until somebody restarts it`
    }
    default:
      return `It is ${record.state}: ${last}`
  }
}

const awaited = {
  start: 'its turn to start',
  maxEnvironments: 'a place',
  maxPerOwner: "a place within its owner's quota",
  memoryBudgetBytes: 'memory',
} satisfies Record<QueuePosition['for'], string>

const keeper = {
  pin: 'a pin',
  extension: 'an extension',
  schedule: 'its schedule',
} satisfies Record<Kept['by'], string>

function whatEndsIt({ kept, deadline }: Circumstances, inSeconds: string | undefined): string {
  if (deadline?.what === 'lifetime') return `its lifetime ends in ${inSeconds}`
  if (kept) {
    const until = kept.untilMs === undefined ? '' : ` until ${new Date(kept.untilMs).toISOString()}`
    return `kept by ${keeper[kept.by]}${until}`
  }
  if (!deadline) return 'nothing stops it but a lack of places'
  return `is ${deadline.what === 'suspend' ? 'suspended' : 'stopped'} in ${inSeconds} if nobody uses it`
}
