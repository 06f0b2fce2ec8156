import { validateHeaderName, validateHeaderValue } from 'node:http'
import { InvalidOptionError, quote } from '../errors.js'
import { checkOptions, durationMs, object, type Rule } from '../option-check.js'
import { probeOf, retry } from './attempt.js'
import { statusOf } from './http-request.js'
import type { ReadinessProbe } from './probe.js'
import { defaultAttemptTimeoutMs } from './tcp.js'

/** Options of {@link httpReadiness}. */
export interface HttpReadinessOptions {
  /** The request target that is asked for with GET. @default '/' */
  readonly path?: string
  /** Which answers count as ready: one status, some, or a test. Redirects are not followed. @default any below 500 */
  readonly status?: number | readonly number[] | ((status: number) => boolean)
  /** More fields of the request. @default `Host: localhost` alone */
  readonly headers?: Readonly<Record<string, string>>
  /** How long one attempt may take until its answer. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** How long all attempts together may take. @default `readyTimeoutMs` alone bounds them */
  readonly timeoutMs?: number
}

/**
 * Ready as soon as the instance answers a GET request with a status that counts.
 *
 * Each attempt has a connection of its own, which is closed after it; the body is thrown away. Endpoints with TLS are asked with the
 * certificates in `upstreamTls` and `tlsSecrets`.
 *
 * @throws InvalidOptionError for an option that makes no sense.
 * @example
 * ```ts
 * const proxy = devEnvProxy({ readiness: httpReadiness({ path: '/health', status: 200 }) })
 * ```
 */
export function httpReadiness(options: HttpReadinessOptions = {}): ReadinessProbe {
  checkOptions('httpReadiness()', options, rules)
  const { attemptTimeoutMs = defaultAttemptTimeoutMs, timeoutMs } = options
  const { path = '/', status, headers = {} } = options
  checkHeaders(headers)
  const counts = statusTest(status)
  return probeOf(timeoutMs, (target, signal, report) => {
    report(() => 'no answer yet')
    // Once: what is missing for it now will be missing in the next attempt too.
    const request = { path, headers, tls: target.tls }
    const attempt = async (attemptSignal: AbortSignal): Promise<string | undefined> => {
      const answered = await statusOf(target, request, attemptSignal)
      return counts(answered) ? undefined : `answered ${answered}`
    }
    return retry(attempt, attemptTimeoutMs, signal, report)
  })
}

const statusNumber = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599

const rules: Readonly<Record<keyof HttpReadinessOptions, Rule>> = {
  path: {
    expected: 'a request target that begins with "/", without spaces and control characters',
    // RFC 9112 §3.2.1; anything outside of visible ASCII has to come percent-encoded.
    holds: (value) => typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value),
  },
  status: {
    expected: 'a status from 200 to 599, a list of them, or a function',
    holds: (value) =>
      typeof value === 'function' ||
      statusNumber(value) ||
      (Array.isArray(value) && value.length > 0 && value.every(statusNumber)),
  },
  headers: object,
  attemptTimeoutMs: durationMs,
  timeoutMs: durationMs,
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch (error) {
      throw new InvalidOptionError(
        `Expected \`headers\` of httpReadiness() to be fields of a request, got ${quote(name)}: ${(error as Error).message}`,
        { cause: error },
      )
    }
  }
}

function statusTest(status: HttpReadinessOptions['status']): (status: number) => boolean {
  if (status === undefined) return (answered) => answered < 500
  if (typeof status === 'function') return status
  const list: readonly number[] = typeof status === 'number' ? [status] : [...status]
  return (answered) => list.includes(answered)
}
