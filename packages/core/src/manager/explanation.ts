import type { Clock } from '../clock.js'
import { describeEndpoint } from '../environment/endpoint.js'
import { mayBeIdle, type State } from '../environment/state.js'
import type { Transition } from '../events.js'
import type { Instance } from '../instance/instance.js'
import type { LeaseKind } from '../instance/lease.js'
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

/** All that is known of an environment. */
export function explain(record: ManagedEnvironment, idle: IdleSchedule, clock: Clock): Explanation {
  const instance = record.current
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
    why: why(record, leases, deadline && { ...deadline, inMs: deadline.dueMs - clock.nowMs() }),
    generation: told?.generation,
    owner: told?.owner,
    spawner: told?.spawner,
    specHash: told?.specHash,
    endpoint: instance?.live && instance.endpoint ? describeEndpoint(instance.endpoint) : undefined,
    leases,
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

function why(
  record: ManagedEnvironment,
  leases: Record<LeaseKind | 'waiting', number>,
  deadline: (Deadline & { readonly inMs: number }) | undefined,
): string {
  const last = record.history.at(-1)?.reason ?? 'never asked for'
  const inSeconds = deadline && `${Math.max(0, Math.ceil(deadline.inMs / 1_000))} s`
  switch (record.state) {
    case 'ready': {
      const held = leases.request + leases.stream + leases.upgrade
      if (held > 0) {
        return `It is in use: ${leases.request} requests, ${leases.stream} streams, ${leases.upgrade} upgraded connections`
      }
      if (!deadline) return 'It is idle, and nothing stops it but a lack of places'
      return `It is idle, and ${comesNext(deadline.what, inSeconds)}`
    }
    case 'suspended':
      return deadline
        ? `It is suspended until somebody asks for it, and ${comesNext(deadline.what, inSeconds)}`
        : 'It is suspended until somebody asks for it, and nothing stops it but a lack of places'
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

function comesNext(what: Deadline['what'], inSeconds: string | undefined): string {
  if (what === 'lifetime') return `its lifetime ends in ${inSeconds}`
  return `is ${what === 'suspend' ? 'suspended' : 'stopped'} in ${inSeconds} if nobody uses it`
}
