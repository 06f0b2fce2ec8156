import { type AlcoveError, RequestTimeoutError, StreamIdleTimeoutError, quote } from '../errors.js'

// setTimeout() fires at once for anything longer: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args
export const longestTimeoutMs = 2 ** 31 - 1

/** How long the parts of a request may take. `Infinity`: for ever. */
export interface TimeLimitOptions {
  readonly streamIdleTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** Which limit was reached. */
export type TimeLimit = 'idle' | 'whole'

/** Watches the clock for one request. */
export class TimeLimits {
  #whole: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined

  /** `undefined` where nothing is limited, so that most requests need no timer. */
  static of(
    options: TimeLimitOptions,
    onReached: (limit: TimeLimit) => void,
  ): TimeLimits | undefined {
    const { streamIdleTimeoutMs, requestTimeoutMs } = options
    return Math.min(streamIdleTimeoutMs, requestTimeoutMs) <= longestTimeoutMs
      ? new TimeLimits(options, onReached)
      : undefined
  }

  private constructor(
    private readonly options: TimeLimitOptions,
    private readonly onReached: (limit: TimeLimit) => void,
  ) {
    this.#whole = this.#timer('whole', options.requestTimeoutMs)
  }

  /** A body begins to pass. */
  streams(): void {
    clearTimeout(this.#idle)
    this.#idle = this.#timer('idle', this.options.streamIdleTimeoutMs)
  }

  /** A part of a body has passed. */
  moved(): void {
    this.#idle?.refresh()
  }

  /** All of an upload has passed: whoever is to answer has a limit of its own. */
  uploaded(): void {
    clearTimeout(this.#idle)
    this.#idle = undefined
  }

  /** What passes is not expected to end. */
  endless(): void {
    clearTimeout(this.#whole)
  }

  /** It is over. */
  end(): void {
    clearTimeout(this.#whole)
    clearTimeout(this.#idle)
  }

  #timer(limit: TimeLimit, ms: number): NodeJS.Timeout | undefined {
    return ms <= longestTimeoutMs ? setTimeout(this.onReached, ms, limit) : undefined
  }
}

/** What a request is answered with that took too long. @param waitsForClient - Whether it is the client that does not go on. */
export function timeLimitError(
  limit: TimeLimit,
  options: TimeLimitOptions,
  id: string,
  waitsForClient: boolean,
): AlcoveError {
  const environment = `environment ${quote(id)}`
  if (limit === 'whole') {
    const reason = `A request to ${environment} was not done after ${options.requestTimeoutMs} ms`
    return new RequestTimeoutError(reason, { id })
  }
  const time = `for ${options.streamIdleTimeoutMs} ms`
  return waitsForClient
    ? new StreamIdleTimeoutError(408, `The client sent nothing on to ${environment} ${time}`, {
        id,
      })
    : new StreamIdleTimeoutError(504, `No byte passed to or from ${environment} ${time}`, { id })
}
