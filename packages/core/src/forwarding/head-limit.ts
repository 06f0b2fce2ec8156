import { RequestBody } from './body.js'
import { longestTimeoutMs } from './time-limits.js'

/**
 * Bounds the wait for the head of an answer once an interim one has come: undici's own limit begins anew with each, so that they
 * could put it off for ever.
 */
export class HeadLimit {
  #timer: NodeJS.Timeout | undefined
  #taken = 0

  /** @param sentAt - When the request went out, on the clock of `performance`. */
  constructor(
    private readonly timeoutMs: number,
    private readonly sentAt: number,
    private readonly body: unknown,
    private readonly onReached: () => void,
  ) {
    this.#look()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  readonly #look = (): void => {
    const leftMs = this.timeoutMs - this.#waitedMs()
    if (leftMs <= 0) this.onReached()
    else if (leftMs <= longestTimeoutMs) this.#timer = setTimeout(this.#look, leftMs)
  }

  /** For how long it is the environment's turn. */
  #waitedMs(): number {
    const { body } = this
    if (!(body instanceof RequestBody)) return performance.now() - this.sentAt
    if (body.endedAt !== undefined) return performance.now() - body.endedAt
    // As long as an upload goes on, or its client is slow, the environment need not answer.
    const stands = this.#timer !== undefined && body.taken === this.#taken && !body.waitsForClient
    this.#taken = body.taken
    return stands ? this.timeoutMs : 0
  }
}
