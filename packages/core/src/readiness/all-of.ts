import { InvalidOptionError } from '../errors.js'
import { show } from '../option-check.js'
import { NotReadyError } from './attempt.js'
import type { ReadinessProbe } from './probe.js'

/**
 * Ready as soon as each of the probes has been ready once; they look at the same time.
 *
 * @throws InvalidOptionError where no probe is given, or something else than a probe.
 * @example
 * ```ts
 * const readiness = allOf(logLineReadiness({ pattern: 'compiled' }), httpReadiness({ path: '/health' }))
 * ```
 */
export function allOf(...probes: readonly ReadinessProbe[]): ReadinessProbe {
  if (probes.length === 0) throw new InvalidOptionError('allOf() needs at least one probe')
  for (const probe of probes) {
    if (typeof probe?.ready !== 'function') {
      throw new InvalidOptionError(
        `Expected each argument of allOf() to be a readiness probe, got ${show(probe)}`,
      )
    }
  }
  return {
    async ready(target, signal) {
      const controller = new AbortController()
      const abort = (): void => controller.abort(signal.reason)
      signal.throwIfAborted()
      signal.addEventListener('abort', abort, { once: true })
      const unseen: string[] = []
      try {
        const looks = probes.map((probe) =>
          // `async` also turns a probe's synchronous throw into a rejection.
          (async () => probe.ready(target, controller.signal))().catch((error: unknown) => {
            if (!(error instanceof NotReadyError) || !signal.aborted) throw error
            unseen.push(error.seen)
          }),
        )
        await Promise.all(looks)
        if (unseen.length > 0) throw new NotReadyError(unseen.join('; '), { cause: signal.reason })
      } finally {
        signal.removeEventListener('abort', abort)
        controller.abort(new Error('another probe has failed'))
      }
    },
  }
}
