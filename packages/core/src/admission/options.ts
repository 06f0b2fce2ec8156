import { HookFailedError, InvalidOptionError } from '../errors.js'
import {
  type Rule,
  checkOptions,
  countOrUnlimited,
  durationOrNeverMs,
  func,
  object,
} from '../option-check.js'

/** How many requests may come in a time: a bucket of tokens, of which each request takes one. */
export interface RateLimit {
  /** How fast the bucket fills. */
  readonly requestsPerSecond: number
  /** How many may come at once after a pause. @default requestsPerSecond, 1 at the least */
  readonly burst?: number
}

/** What one environment may have at a time. */
export interface EnvironmentLimits {
  /** How many requests may be with the environment; the others wait. `Infinity`: all. @default 16 */
  readonly maxInFlight: number
  /** How many may wait for one of these places: then 503 `ALCOVE_QUEUE_FULL`. @default 2048 */
  readonly maxQueued: number
  /** How long one may wait: then 503 `ALCOVE_QUEUE_TIMEOUT`. @default 10_000 */
  readonly queueTimeoutMs: number
  /**
   * How many event streams, WebSockets, uploads under way and bodies that stay open may there be, beside `maxInFlight`: then 503
   * `ALCOVE_STREAM_LIMIT`. @default 512
   */
  readonly maxStreams: number
  /** After how long an answer whose body is still open counts against `maxStreams` instead of `maxInFlight`. @default 5_000 */
  readonly streamAfterMs: number
  /**
   * How many bytes a client has to send, or to take while more are there for it, on an average over `bodyRateWindowMs`: then 408
   * `ALCOVE_SLOW_BODY`, or a cut connection where the answer has begun. `0`: none. @default 100
   */
  readonly minBodyBytesPerSecond: number
  /** Over how long the rate of a body is taken. @default 30_000 */
  readonly bodyRateWindowMs: number
  /** Its share of the gateway where several environments have requests waiting: with 2, two for each one of others. @default 1 */
  readonly weight: number
  /** How many requests the environment may get in a time: then 429 `ALCOVE_RATE_LIMITED`. @default false: any number */
  readonly rateLimit: RateLimit | false
}

/** How requests are let in. */
export interface AdmissionOptions extends Partial<EnvironmentLimits> {
  /** The limits of one environment, where they are to differ; asked when it is first used after a pause. @default none */
  readonly limitsFor?: (environment: {
    readonly id: string
  }) => Partial<EnvironmentLimits> | undefined
  /** How many requests the environments of one owner may get in a time: then 429 `ALCOVE_RATE_LIMITED`. @default false: any number */
  readonly ownerRateLimit?: RateLimit | false
  /** How many requests may wait for the start of one environment: then 503 `ALCOVE_QUEUE_FULL`. @default 2048 */
  readonly maxWaiting?: number
  /** How many bytes these may have sent. @default 16 MiB */
  readonly maxWaitingBytes?: number
  /** How many requests of all environments may wait, for a start, a place or their refusal. @default 10_000 */
  readonly maxHeld?: number
  /** How many bytes these may have sent. @default 64 MiB */
  readonly maxHeldBytes?: number
  /**
   * How late the gateway's event loop may be before the environments that ask for most are turned away: 503 `ALCOVE_OVERLOADED`.
   * @default 100
   */
  readonly maxLoopLagMs?: number
}

const aboveZero = (value: unknown): boolean =>
  typeof value === 'number' && value > 0 && Number.isFinite(value)
const rateLimit: Rule = {
  expected: '{ requestsPerSecond, burst }, positive numbers, with a burst of 1 or more, or false',
  holds: (value) => {
    if (value === false) return true
    if (!object.holds(value)) return false
    const { requestsPerSecond, burst = 1, ...others } = value as Partial<RateLimit>
    const isBurst = typeof burst === 'number' && burst >= 1
    return aboveZero(requestsPerSecond) && isBurst && Object.keys(others).length === 0
  },
}
const countOrNone: Rule = {
  expected: 'a whole number, 0 or more, or Infinity for no limit',
  holds: (value) => value === 0 || countOrUnlimited.holds(value),
}

const environmentRules = {
  maxInFlight: countOrUnlimited,
  maxQueued: countOrNone,
  queueTimeoutMs: durationOrNeverMs,
  maxStreams: countOrNone,
  streamAfterMs: durationOrNeverMs,
  minBodyBytesPerSecond: {
    expected: 'a number of bytes, 0 or more',
    holds: (value) => typeof value === 'number' && value >= 0 && Number.isFinite(value),
  },
  bodyRateWindowMs: durationOrNeverMs,
  weight: {
    expected: 'a number from 0.1 to 100',
    holds: (value) => typeof value === 'number' && value >= 0.1 && value <= 100,
  },
  rateLimit,
} satisfies Record<keyof EnvironmentLimits, Rule>

/** The rules for {@link AdmissionOptions}. */
export const admissionRules = {
  ...environmentRules,
  limitsFor: func,
  ownerRateLimit: rateLimit,
  maxWaiting: countOrNone,
  maxWaitingBytes: countOrNone,
  maxHeld: countOrNone,
  maxHeldBytes: countOrNone,
  maxLoopLagMs: durationOrNeverMs,
} satisfies Record<keyof AdmissionOptions, Rule>

/** {@link AdmissionOptions} with every default filled in. */
export type ResolvedAdmissionOptions = Readonly<
  Required<
    Pick<
      AdmissionOptions,
      'maxWaiting' | 'maxWaitingBytes' | 'maxHeld' | 'maxHeldBytes' | 'maxLoopLagMs'
    >
  >
> & {
  readonly ownerRateLimit: RateLimit | false
  /** The limits of an environment. @throws {@link HookFailedError} */
  readonly limitsFor: (id: string) => EnvironmentLimits
}

/** Fills in the defaults, once. */
export function resolveAdmissionOptions(options: AdmissionOptions): ResolvedAdmissionOptions {
  const usual = merged(
    {
      maxInFlight: 16,
      maxQueued: 2048,
      queueTimeoutMs: 10_000,
      maxStreams: 512,
      streamAfterMs: 5_000,
      minBodyBytesPerSecond: 100,
      bodyRateWindowMs: 30_000,
      weight: 1,
      rateLimit: false,
    },
    options,
  )
  const { limitsFor } = options
  return Object.freeze({
    ownerRateLimit: options.ownerRateLimit ?? false,
    maxWaiting: options.maxWaiting ?? 2048,
    maxWaitingBytes: options.maxWaitingBytes ?? 16 * 1024 * 1024,
    maxHeld: options.maxHeld ?? 10_000,
    maxHeldBytes: options.maxHeldBytes ?? 64 * 1024 * 1024,
    maxLoopLagMs: options.maxLoopLagMs ?? 100,
    limitsFor: limitsFor ? (id: string) => merged(usual, own(limitsFor, id)) : () => usual,
  })
}

function own(
  limitsFor: NonNullable<AdmissionOptions['limitsFor']>,
  id: string,
): Partial<EnvironmentLimits> {
  try {
    const limits: unknown = limitsFor({ id }) ?? {}
    if (isThenable(limits)) {
      throw new InvalidOptionError('Expected `limitsFor` to return limits, got a promise')
    }
    checkOptions(`what \`limitsFor\` returns for environment "${id}"`, limits, environmentRules)
    return limits as Partial<EnvironmentLimits>
  } catch (cause) {
    throw new HookFailedError(`\`limitsFor\` failed for environment "${id}"`, { id, cause })
  }
}

function merged(base: EnvironmentLimits, changes: Partial<EnvironmentLimits>): EnvironmentLimits {
  return Object.freeze({
    maxInFlight: changes.maxInFlight ?? base.maxInFlight,
    maxQueued: changes.maxQueued ?? base.maxQueued,
    queueTimeoutMs: changes.queueTimeoutMs ?? base.queueTimeoutMs,
    maxStreams: changes.maxStreams ?? base.maxStreams,
    streamAfterMs: changes.streamAfterMs ?? base.streamAfterMs,
    minBodyBytesPerSecond: changes.minBodyBytesPerSecond ?? base.minBodyBytesPerSecond,
    bodyRateWindowMs: changes.bodyRateWindowMs ?? base.bodyRateWindowMs,
    weight: changes.weight ?? base.weight,
    rateLimit: changes.rateLimit ?? base.rateLimit,
  })
}

function isThenable(value: unknown): boolean {
  return typeof (value as { readonly then?: unknown }).then === 'function'
}
