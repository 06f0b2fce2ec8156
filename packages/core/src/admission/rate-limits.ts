import type { Clock } from '../clock.js'
import { quote } from '../errors.js'
import { RateLimitedError } from '../limit-errors.js'
import type { RateLimit } from './options.js'

/** How many buckets are looked at for each that is new, so that those which are full again do not pile up. */
const lookedAt = 2

/** Token buckets, one for each name, kept only while they are not full. */
export class RateLimits {
  /** When each bucket is full again, in the order in which it was looked at last. */
  readonly #fullAtMs = new Map<string, number>()

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#fullAtMs.size
  }

  /**
   * Takes a token. @returns 0, or where there is none in how many milliseconds there is one
   *
   * The bucket is not filled by a timer: when it is full again says how full it is (the generic cell rate algorithm, ITU-T I.371).
   */
  take(
    name: string,
    { requestsPerSecond, burst = Math.max(1, requestsPerSecond) }: RateLimit,
  ): number {
    const nowMs = this.clock.nowMs()
    const tokenMs = 1_000 / requestsPerSecond
    const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(name) ?? 0)
    // Within a millionth of a token: sums of fractions are not exact.
    const waitMs = fullAtMs + tokenMs - (nowMs + burst * tokenMs) - tokenMs / 1e6
    if (waitMs > 0) return waitMs
    if (!this.#fullAtMs.has(name)) this.#forget(nowMs)
    this.#fullAtMs.set(name, fullAtMs + tokenMs)
    return 0
  }

  #forget(nowMs: number): void {
    let looks = lookedAt
    for (const [name, fullAtMs] of this.#fullAtMs) {
      if (looks === 0) return
      looks -= 1
      this.#fullAtMs.delete(name)
      if (fullAtMs > nowMs) this.#fullAtMs.set(name, fullAtMs)
    }
  }
}

/** @throws {@link RateLimitedError} where the bucket of an environment, or of its owner, is empty */
export function assertRate(
  limits: RateLimits,
  rate: RateLimit,
  id: string,
  owner: string | undefined,
): void {
  const retryAfterMs = limits.take(
    owner === undefined ? `environment ${id}` : `owner ${owner}`,
    rate,
  )
  if (retryAfterMs === 0) return
  const { requestsPerSecond } = rate
  const limit = `${requestsPerSecond} requests a second`
  throw owner === undefined
    ? new RateLimitedError(
        `Environment ${quote(id)} gets at most ${limit} (\`rateLimit\`); send fewer, or try again later`,
        { limit: 'rateLimit', whose: 'environment', id, retryAfterMs },
      )
    : new RateLimitedError(
        `The environments of ${quote(owner)} get at most ${limit} together (\`ownerRateLimit\`); send fewer, or try again later`,
        { limit: 'ownerRateLimit', whose: 'owner', owner, id, retryAfterMs },
      )
}
