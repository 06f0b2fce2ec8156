import { type Clock, systemClock } from '../clock.js'
import type { Coordinator } from '../coordination/coordinator.js'
import { inMemoryCoordinator } from '../coordination/in-memory.js'
import type { Preparation } from '../environment/preparation.js'
import type { Policy, Spec, SpecFor } from '../environment/spec.js'
import {
  resolveUpstreamTls,
  type TlsFor,
  type UpstreamTlsOptions,
  upstreamTlsRules,
} from '../environment/upstream-tls.js'
import { faultOfWarmHours } from '../environment/warm-hours.js'
import { InvalidOptionError } from '../errors.js'
import type { BackOffPolicy } from '../instance/back-off.js'
import * as rule from '../option-check.js'
import { tcpReadiness } from '../readiness/tcp.js'
import type { Spawner } from '../spawning/spawner.js'
import { type HostMemory, hostMemory } from './host-memory.js'

/** What `beforeEvict` is told. */
export interface Eviction {
  readonly id: string
  readonly generation: number
  readonly owner: string
  /** `idle`: its time is over. `capacity`: another environment needs its place. `memory`: the host is short of memory. */
  readonly why: 'idle' | 'capacity' | 'memory'
  readonly idleForMs: number
  /** Aborts when the answer comes too late to matter. */
  readonly signal: AbortSignal
}

/** The answer of `beforeEvict`: nothing lets it happen. */
export type EvictionVerdict = { readonly postponeMs: number } | undefined | void

/** How an {@link EnvironmentManager} works. All durations are in milliseconds. */
export interface ManagerOptions
  extends Partial<Policy>, Partial<BackOffPolicy>, UpstreamTlsOptions {
  /** What starts environments; of several, a spec names one, and the first is the default. */
  readonly spawner: Spawner | readonly Spawner[]
  /** Which ids exist, and as what. Without it only `create(id, spec)` makes environments. */
  readonly specFor?: SpecFor
  /** Tells this gateway's instances from another's, across restarts. @default a hash of the working directory */
  readonly name?: string
  /** @default inMemoryCoordinator() */
  readonly coordinator?: Coordinator
  /** How many environments may run at a time. @default 50 */
  readonly maxEnvironments?: number
  /** How many of one owner may run at a time. @default Infinity */
  readonly maxPerOwner?: number
  /** How many may be starting at a time; the others wait in order. @default 4 */
  readonly maxConcurrentStarts?: number
  /** How much the `memoryBytes` of all that run may come to. @default 80 % of the host's memory */
  readonly memoryBudgetBytes?: number
  /** With less than this left on the host, idle environments are stopped, the longest idle first. 0: never. @default 5 % of the host's memory */
  readonly minAvailableMemoryBytes?: number
  /** What the host has. @default its memory, or that of the gateway's control group */
  readonly hostMemory?: HostMemory
  /** How long a start waits for a place where all are taken and none is idle. @default 10_000 */
  readonly capacityTimeoutMs?: number
  /** Asked before an idle environment is stopped, and may put that off. A throw puts it off by `idleTimeoutMs`, a minute at the most. */
  readonly beforeEvict?: (eviction: Eviction) => EvictionVerdict | Promise<EvictionVerdict>
  /** How long `beforeEvict` may take before the eviction goes on without it. @default 30_000 */
  readonly beforeEvictTimeoutMs?: number
  /** After a first failure, the wait before the next start. @default 1_000 */
  readonly initialBackOffMs?: number
  /** The longest wait between failures. @default 60_000 */
  readonly maxBackOffMs?: number
  /** After so many failures in a row the environment stays failed until `restart`. @default 5 */
  readonly maxConsecutiveFailures?: number
  /** An instance that was ready for this long has not failed in a row with the one before. @default 60_000 */
  readonly stableAfterMs?: number
  /** How many lines of each instance's output are kept. @default 1_000 */
  readonly maxLogLines?: number
  /** What is blotted out in logs: literal strings, or patterns. @default none */
  readonly redact?: readonly (string | RegExp)[]
  /** @default systemClock */
  readonly clock?: Clock
}

/** {@link ManagerOptions} with every default filled in. */
export type ResolvedManagerOptions = Readonly<
  Required<
    Omit<
      ManagerOptions,
      'spawner' | 'specFor' | 'beforeEvict' | 'name' | keyof Policy | keyof UpstreamTlsOptions
    >
  > &
    Pick<ManagerOptions, 'specFor' | 'beforeEvict'> & {
      name: string | undefined
      spawners: readonly Spawner[]
      /** The name of the one that is meant where a spec names none. */
      defaultSpawner: string
      policy: Policy
      /** Of `upstreamTls` and `tlsSecrets`. */
      tlsFor: TlsFor
    }
>

const warmHoursRule: rule.Rule = {
  expected: 'a list of hours such as { from: "09:00", to: "18:00", timeZone: "Europe/Berlin" }',
  holds: (value) => Array.isArray(value),
}

const policyRules = {
  startTimeoutMs: rule.durationMs,
  readyTimeoutMs: rule.durationMs,
  graceMs: rule.durationOrNoneMs,
  drainTimeoutMs: rule.durationOrNoneMs,
  idleTimeoutMs: rule.durationOrNeverMs,
  suspendAfterMs: rule.durationOrNeverMs,
  keepWarm: warmHoursRule,
  maxLifetimeMs: rule.durationOrNeverMs,
  upgradeIdleTimeoutMs: rule.durationOrNeverMs,
  readiness: {
    expected: 'a readiness probe such as tcpReadiness()',
    holds: (value: unknown) =>
      rule.object.holds(value) && rule.func.holds((value as { ready?: unknown }).ready),
  },
} satisfies Record<keyof Policy, rule.Rule>

const spawnerRule: rule.Rule = {
  expected: 'a spawner such as processSpawner(), or a list of them',
  holds: (value) =>
    Array.isArray(value) ? value.length > 0 && value.every(isSpawner) : isSpawner(value),
}

/** The rules for {@link ManagerOptions}, for those who pass them on. */
export const managerRules = {
  ...policyRules,
  spawner: spawnerRule,
  specFor: rule.func,
  name: rule.text,
  coordinator: {
    expected: 'a coordinator such as inMemoryCoordinator()',
    holds: (value) =>
      rule.object.holds(value) && rule.func.holds((value as { join?: unknown }).join),
  },
  maxEnvironments: rule.countOrUnlimited,
  maxPerOwner: rule.countOrUnlimited,
  maxConcurrentStarts: rule.countOrUnlimited,
  memoryBudgetBytes: rule.countOrUnlimited,
  minAvailableMemoryBytes: rule.countOrNone,
  hostMemory: rule.object,
  capacityTimeoutMs: rule.durationOrNoneMs,
  beforeEvict: rule.func,
  beforeEvictTimeoutMs: rule.durationMs,
  initialBackOffMs: rule.durationMs,
  maxBackOffMs: rule.durationMs,
  maxConsecutiveFailures: rule.countOrUnlimited,
  stableAfterMs: rule.durationOrNoneMs,
  maxLogLines: rule.count,
  redact: rule.listOf(
    {
      expected: 'a string or a RegExp',
      holds: (value) => rule.text.holds(value) || value instanceof RegExp,
    },
    'a list of strings and RegExps',
  ),
  clock: rule.object,
  ...upstreamTlsRules,
} satisfies Record<keyof ManagerOptions, rule.Rule>

const specRules: rule.Rules = {
  run: rule.anyValue,
  spawner: rule.text,
  owner: rule.text,
  memoryBytes: rule.countOrNone,
  prepare: {
    expected: 'an object with a function `run`',
    holds: (value) => rule.object.holds(value) && rule.func.holds((value as Preparation).run),
  },
  policy: rule.object,
}

const preparationRules = {
  run: rule.func,
  undo: rule.func,
  timeoutMs: rule.durationMs,
  key: { expected: 'a string', holds: (value: unknown) => typeof value === 'string' },
} satisfies Record<keyof Preparation, rule.Rule>

const defaultPolicy = {
  startTimeoutMs: 60_000,
  readyTimeoutMs: 60_000,
  graceMs: 5_000,
  drainTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  suspendAfterMs: Number.POSITIVE_INFINITY,
  keepWarm: [],
  maxLifetimeMs: Number.POSITIVE_INFINITY,
  upgradeIdleTimeoutMs: 1_800_000,
}

/**
 * Checks options and fills in the defaults, once.
 *
 * @throws {@link InvalidOptionError} naming the option and, where it was misspelt, the right one.
 */
export function resolveManagerOptions(
  options: ManagerOptions,
  where = 'EnvironmentManager',
): ResolvedManagerOptions {
  rule.checkOptions(where, options, managerRules)
  checkWarmHours(where, options.keepWarm)
  const spawners = [options.spawner].flat() as readonly Spawner[]
  if (!spawnerRule.holds(options.spawner)) {
    throw new InvalidOptionError(
      `Expected \`spawner\` of ${where} to be ${spawnerRule.expected}, got ${rule.show(options.spawner)}`,
    )
  }
  const names = spawners.map((spawner) => spawner.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice) {
    throw new InvalidOptionError(
      `Two spawners of ${where} are named "${twice}"; give one of them another name, since a spec chooses by it`,
    )
  }
  const clock = options.clock ?? systemClock
  const coordinator = options.coordinator ?? inMemoryCoordinator({ nowMs: () => clock.nowMs() })
  for (const spawner of spawners) assertReach(coordinator, spawner)
  const memory = options.hostMemory ?? hostMemory()
  const initialBackOffMs = options.initialBackOffMs ?? 1_000
  return Object.freeze({
    spawners: Object.freeze(spawners),
    defaultSpawner: spawners[0]?.name ?? '',
    policy: mergePolicy({ ...defaultPolicy, readiness: tcpReadiness() }, options),
    tlsFor: resolveUpstreamTls(options),
    specFor: options.specFor,
    name: options.name,
    coordinator,
    maxEnvironments: options.maxEnvironments ?? 50,
    maxPerOwner: options.maxPerOwner ?? Number.POSITIVE_INFINITY,
    maxConcurrentStarts: options.maxConcurrentStarts ?? 4,
    memoryBudgetBytes: options.memoryBudgetBytes ?? Math.floor(0.8 * memory.totalBytes),
    minAvailableMemoryBytes:
      options.minAvailableMemoryBytes ?? Math.floor(0.05 * memory.totalBytes),
    hostMemory: memory,
    capacityTimeoutMs: options.capacityTimeoutMs ?? 10_000,
    beforeEvict: options.beforeEvict,
    beforeEvictTimeoutMs: options.beforeEvictTimeoutMs ?? 30_000,
    initialBackOffMs,
    maxBackOffMs: Math.max(initialBackOffMs, options.maxBackOffMs ?? 60_000),
    maxConsecutiveFailures: options.maxConsecutiveFailures ?? 5,
    stableAfterMs: options.stableAfterMs ?? 60_000,
    maxLogLines: options.maxLogLines ?? 1_000,
    redact: options.redact ?? [],
    clock,
  })
}

/** @throws {@link InvalidOptionError} on a spec that `specFor` or a caller got wrong. */
export function checkSpec(id: string, spec: Spec): void {
  const where = `the spec of environment "${id}"`
  rule.checkOptions(where, spec, specRules)
  if (spec.run === undefined) {
    throw new InvalidOptionError(
      `Expected \`run\` of ${where} to say what to start, got \`undefined\``,
    )
  }
  if (spec.prepare) rule.checkOptions(`\`prepare\` in ${where}`, spec.prepare, preparationRules)
  if (!spec.policy) return
  const policy = `the policy in ${where}`
  rule.checkOptions(policy, spec.policy, policyRules)
  checkWarmHours(policy, spec.policy.keepWarm)
}

/** @throws {@link InvalidOptionError} that says which part of which hours makes no sense */
function checkWarmHours(where: string, all: readonly unknown[] = []): void {
  for (const hours of all) {
    const fault = faultOfWarmHours(hours)
    if (fault === undefined) continue
    throw new InvalidOptionError(`In \`keepWarm\` of ${where}, ${fault}; got ${rule.show(hours)}`)
  }
}

/** A policy with some of its members replaced; what is `undefined` is not. */
export function mergePolicy(base: Policy, changes: Partial<Policy> | undefined): Policy {
  if (!changes) return base
  return Object.freeze({
    startTimeoutMs: changes.startTimeoutMs ?? base.startTimeoutMs,
    readyTimeoutMs: changes.readyTimeoutMs ?? base.readyTimeoutMs,
    graceMs: changes.graceMs ?? base.graceMs,
    drainTimeoutMs: changes.drainTimeoutMs ?? base.drainTimeoutMs,
    idleTimeoutMs: changes.idleTimeoutMs ?? base.idleTimeoutMs,
    suspendAfterMs: changes.suspendAfterMs ?? base.suspendAfterMs,
    keepWarm: changes.keepWarm ?? base.keepWarm,
    maxLifetimeMs: changes.maxLifetimeMs ?? base.maxLifetimeMs,
    upgradeIdleTimeoutMs: changes.upgradeIdleTimeoutMs ?? base.upgradeIdleTimeoutMs,
    readiness: changes.readiness ?? base.readiness,
  })
}

const reaches = ['process', 'host', 'network'] as const

function assertReach(coordinator: Coordinator, spawner: Spawner): void {
  if (reaches.indexOf(coordinator.reach) <= reaches.indexOf(spawner.reach)) return
  throw new InvalidOptionError(
    `The coordinator reaches every gateway of the ${coordinator.reach}, and the endpoints of the spawner "${spawner.name}" can be dialled within the ${spawner.reach} only; use a spawner that reaches further, or a coordinator that does not`,
  )
}

function isSpawner(value: unknown): boolean {
  return (
    rule.object.holds(value) &&
    rule.text.holds((value as Spawner).name) &&
    rule.func.holds((value as Spawner).start) &&
    rule.func.holds((value as Spawner).observe)
  )
}
