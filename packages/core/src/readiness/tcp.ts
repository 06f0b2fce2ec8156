import { checkOptions, durationMs } from '../option-check.js'
import { probeOf, type Report, retry } from './attempt.js'
import { dialTarget } from './dial.js'
import type { ReadinessProbe, ReadinessTarget } from './probe.js'

/** Options of {@link tcpReadiness}. */
export interface TcpReadinessOptions {
  /** How long one attempt may take. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** How long all attempts together may take. @default `readyTimeoutMs` alone bounds them */
  readonly timeoutMs?: number
}

/** How long an attempt may take where nothing else is said. */
export const defaultAttemptTimeoutMs = 5_000

/**
 * Ready as soon as the instance accepts a connection, over TCP, a Unix socket or its spawner's `dial`.
 *
 * @throws InvalidOptionError for an option that makes no sense.
 * @example
 * ```ts
 * const proxy = devEnvProxy({ readiness: tcpReadiness() })
 * ```
 */
export function tcpReadiness(options: TcpReadinessOptions = {}): ReadinessProbe {
  checkOptions('tcpReadiness()', options, { attemptTimeoutMs: durationMs, timeoutMs: durationMs })
  const { attemptTimeoutMs = defaultAttemptTimeoutMs, timeoutMs } = options
  return probeOf(timeoutMs, (target, signal, report) =>
    connects(target, attemptTimeoutMs, signal, report),
  )
}

/** Resolves once the target accepts a connection. */
export function connects(
  target: ReadinessTarget,
  attemptTimeoutMs: number,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  report(() => 'no connection yet')
  const attempt = async (attemptSignal: AbortSignal): Promise<undefined> => {
    const connection = await dialTarget(target, attemptSignal)
    connection.destroy()
  }
  return retry(attempt, attemptTimeoutMs, signal, report)
}
