import { unlessAborted } from '../abort.js'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../clock.js'
import { quote, ReadyTimeoutError } from '../errors.js'
import type { ReadinessProbe, ReadinessTarget } from './probe.js'

/**
 * How long to wait after an attempt that came to nothing, counted from 0.
 *
 * A program that is about to listen is asked often, since each millisecond here is one of a cold start; one that takes its time
 * costs 20 connections a second at most.
 */
export function pauseAfterMs(attempt: number): number {
  return Math.min(2 ** attempt, 50)
}

/** The signal was aborted before the target was ready; what was seen of it until then. */
export class NotReadyError extends Error {
  constructor(
    /** Without any text of the instance: `last attempt: connection refused`. */
    readonly seen: string,
    options?: ErrorOptions,
  ) {
    super(`Not ready: ${seen}`, options)
    this.name = 'NotReadyError'
  }
}

/** A probe's own `timeoutMs` is over. */
export class ProbeTimeoutError extends ReadyTimeoutError {
  constructor(
    readonly seen: string,
    readonly timeoutMs: number,
  ) {
    super(`Not ready within ${timeoutMs} ms, the probe's own \`timeoutMs\` (${seen})`, {
      lastLogLines: [],
    })
  }
}

/** Says what is to be told should the target not be ready in the end. */
export type Report = (describe: () => string) => void

/** Makes a probe of a function that looks at the target until it is ready; its abort and its own timeout are kept here. */
export function probeOf(
  timeoutMs: number | undefined,
  look: (target: ReadinessTarget, signal: AbortSignal, report: Report) => Promise<void>,
): ReadinessProbe {
  return {
    async ready(target, signal) {
      let describe = (): string => 'it was not looked at yet'
      try {
        await within(timeoutMs, signal, (inner) =>
          look(target, inner, (description) => {
            describe = description
          }),
        )
      } catch (error) {
        if (signal.aborted) throw new NotReadyError(describe(), { cause: signal.reason })
        if (error instanceof Elapsed) throw new ProbeTimeoutError(describe(), error.timeoutMs)
        throw error
      }
    },
  }
}

/** `undefined`: ready. Otherwise what was seen instead: `answered 503`. A rejection counts as one, by its description. */
export type Attempt = (signal: AbortSignal) => Promise<string | undefined>

/** Tries until an attempt finds the target ready, at once and then in growing steps. */
export async function retry(
  attempt: Attempt,
  attemptTimeoutMs: number,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  for (let count = 0; ; count += 1) {
    // eslint-disable-next-line no-await-in-loop -- one attempt after another
    const outcome = await within(attemptTimeoutMs, signal, attempt).catch((error: unknown) => {
      signal.throwIfAborted()
      return describeFailure(error)
    })
    if (outcome === undefined) return
    report(() => `last attempt: ${outcome}`)
    // eslint-disable-next-line no-await-in-loop -- as above
    await pause(pauseAfterMs(count), undefined, { signal })
  }
}

class Elapsed extends Error {
  constructor(readonly timeoutMs: number) {
    super(`not within ${timeoutMs} ms`)
  }
}

/** Runs `work` with a signal of its own that aborts after `timeoutMs` and with `outer`; rejects at once on either. */
async function within<T>(
  timeoutMs: number | undefined,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted()
  const controller = new AbortController()
  const { signal } = controller
  const abort = (): void => controller.abort(outer.reason)
  outer.addEventListener('abort', abort, { once: true })
  const timer =
    timeoutMs === undefined
      ? undefined
      : systemClock.setTimer(timeoutMs, () => controller.abort(new Elapsed(timeoutMs)))
  try {
    return await unlessAborted(work(signal), signal)
  } finally {
    timer?.cancel()
    outer.removeEventListener('abort', abort)
  }
}

const failures: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ENOENT: 'its socket is not there yet',
  EACCES: 'access to its socket denied',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  EHOSTUNREACH: 'host not reachable',
  ENETUNREACH: 'network not reachable',
  ETIMEDOUT: 'connecting took too long',
  UND_ERR_SOCKET: 'connection closed before a whole answer came',
}

function describeFailure(error: unknown): string {
  if (error instanceof Elapsed) return `no answer within ${error.timeoutMs} ms`
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known = failures[code]
  if (known) return known
  if (error instanceof Error && error.name === 'HTTPParserError') {
    return 'answered with something that is not HTTP'
  }
  // A spawner's own `dial` may have put anything in it.
  return quote(error instanceof Error ? error.message : error).slice(1, -1)
}
