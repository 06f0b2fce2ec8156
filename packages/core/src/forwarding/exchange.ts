import type { Dispatcher } from 'undici'
import type { Transfer } from '../admission/transfer.js'
import {
  type AlcoveError,
  UpstreamBrokenError,
  UpstreamConnectError,
  UpstreamHeadersTimeoutError,
  quote,
} from '../errors.js'
import type { RevokeReason } from '../instance/lease.js'
import { RequestBody, keepUnsent } from './body.js'
import { type Answerer, unwatchClient, watchClient } from './client-side.js'
import type { Connection, ConnectionAware } from './connection.js'
import { discardRest } from './early-answer.js'
import { classifyFailure, connectRetryAfterMs } from './failure.js'
import { HeadLimit } from './head-limit.js'
import {
  type FrontRequest,
  type FrontResponse,
  clientIsGone,
  destroyResponse,
  isFull,
  isHttp2Response,
  unsentBytes,
} from './messages.js'
import type { Passage } from './passage.js'
import { mayRetry } from './retry.js'
import { type TimeLimit, TimeLimits, timeLimitError } from './time-limits.js'

// One for all: nobody is told, and the trace of each would cost more than the rest.
const nobodyWaits = new Error('Nobody waits for the answer any more')

/** One request and its answer between a client and an environment: how it begins, and how it ends from either side. */
export abstract class Exchange implements Answerer, ConnectionAware, Transfer {
  connection: Connection | undefined
  /** Nothing that comes now is of interest. */
  protected over = false
  protected headPassed = false
  /** All of the answer is with the response. */
  protected ended = false
  /** Of the answer's body. */
  protected sentBytes = 0
  protected readonly limits: TimeLimits | undefined
  protected controller: Dispatcher.DispatchController | undefined
  #headLimit: HeadLimit | undefined
  #sentAt = 0
  /** undici has begun to write the request. */
  #sent = false
  #reused = false
  #isRetry = false
  #answerBegan = false

  constructor(
    protected readonly request: FrontRequest,
    protected readonly response: FrontResponse,
    protected readonly passage: Passage,
  ) {
    watchClient(request, response, this)
    this.limits = TimeLimits.of(passage.rules, (limit) => this.#late(limit))
  }

  abstract onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: unknown,
    message?: string,
  ): void
  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void
  abstract onResponseEnd(controller: Dispatcher.DispatchController): void

  start(): void {
    const { lease, pool, options } = this.passage
    lease.onRevoke((why) => this.#revoked(why))
    if (!this.over) pool.dispatch(options, this, lease)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) {
      controller.abort(nobodyWaits)
      return
    }
    this.#sent = true
    this.#sentAt = performance.now()
    this.#reused = this.connection?.use() ?? false
    if (this.passage.options.body instanceof RequestBody) this.#watchUpload()
  }

  #watchUpload(): void {
    const { limits } = this
    const { to, options } = this.passage
    const body = options.body as RequestBody
    to.watch?.opened(this)
    if (limits) {
      limits.streams()
      body.onPart = () => limits.moved()
    }
    body.once('end', () => {
      if (this.headPassed || this.over) return
      limits?.uploaded()
      to.watch?.uploaded()
    })
  }

  get bodyBytes(): number {
    const { body } = this.passage.options
    const taken = this.headPassed ? this.sentBytes - unsentBytes(this.response) : 0
    return body instanceof RequestBody ? taken + body.taken : taken
  }

  get waitsForClient(): boolean {
    if (this.ended) return unsentBytes(this.response) > 0
    if (this.headPassed) return isFull(this.response)
    const { body } = this.passage.options
    return body instanceof RequestBody && body.waitsForClient && this.uploads()
  }

  cut(error: AlcoveError): void {
    this.fail(error)
  }

  onResponseStarted(): void {
    this.#answerBegan = true
  }

  /** An interim answer came. */
  protected awaitHead(): void {
    const { lease, options, rules } = this.passage
    this.#headLimit ??= new HeadLimit(rules.headersTimeoutMs, this.#sentAt, options.body, () => {
      const { id } = lease
      this.fail(
        new UpstreamHeadersTimeoutError(`Environment ${quote(id)} did not answer in time`, { id }),
      )
    })
  }

  /** The head came. */
  protected headCame(): void {
    this.headPassed = true
    this.#headLimit?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.connection?.failed()
    if (this.over || this.ended) return
    if (this.#sent && this.#mayRetry()) {
      this.#isRetry = true
      this.#sent = false
      this.controller = undefined
      const { pool, options, lease } = this.passage
      pool.dispatch(options, this, lease)
    } else {
      this.fail(error)
    }
  }

  #mayRetry(): boolean {
    const { method, body } = this.passage.options
    return mayRetry({
      method,
      hasBody: body !== null,
      reusedConnection: this.#reused,
      answerBegan: this.#answerBegan || (this.connection?.answers ?? false),
      isRetry: this.#isRetry,
    })
  }

  /** Ends it with an error for the gateway to answer with, or with the client's connection where an answer has begun. */
  protected fail(error: Error): void {
    if (this.over) return
    this.over = true
    const { request, response } = this
    const { lease, pool, to, outcome } = this.passage
    if (this.headPassed) destroyResponse(request, response)
    const quiet = this.headPassed || response.headersSent || clientIsGone(request, response)
    this.detach()
    if (!this.#sent) this.#keepUnsent()
    // What is left of the upload must not stand between the client and the error that it is answered with.
    else if (!quiet) this.discardRest()
    const failure = classifyFailure(error, {
      id: lease.id,
      endpoint: pool.endpoint,
      sent: this.#sent,
    })
    if (quiet) {
      if (this.headPassed) to.onCut?.(failure)
      outcome.done()
    } else {
      outcome.failed(failure)
    }
    this.controller?.abort(error)
  }

  /** Leaves what nobody was sent to the next attempt: undici may come to read it yet, once it has a connection. */
  #keepUnsent(): void {
    const { body } = this.passage.options
    if (body instanceof RequestBody) body.letGo()
    else keepUnsent(this.request, body)
  }

  /** The client's side is over, for whatever reason. */
  closed(): void {
    if (this.over) return
    this.over = true
    this.detach()
    if (!this.#sent) this.#keepUnsent()
    if (!this.ended) this.controller?.abort(nobodyWaits)
    this.passage.outcome.done()
  }

  drained(): void {
    this.limits?.moved()
    this.controller?.resume()
  }

  #revoked(why: RevokeReason): void {
    if (this.over || this.ended) return
    if (why !== 'gone') {
      if (this.endEarly()) this.controller?.abort(nobodyWaits)
      return
    }
    const { id } = this.passage.lease
    const reason = `Environment ${quote(id)} ended before it had answered`
    this.fail(
      this.#sent
        ? new UpstreamBrokenError(reason, { id })
        : new UpstreamConnectError(reason, { id, retryAfterMs: connectRetryAfterMs }),
    )
  }

  /** Ends an answer that would not end by itself. @returns whether it is one */
  protected abstract endEarly(): boolean

  #late(limit: TimeLimit): void {
    const { lease, options, rules } = this.passage
    const { body } = options
    const waitsForClient =
      !this.headPassed && body instanceof RequestBody && body.waitsForClient && this.uploads()
    this.fail(timeLimitError(limit, rules, lease.id, waitsForClient))
  }

  /** The client still sends. */
  protected uploads(): boolean {
    return this.passage.options.body instanceof RequestBody && !this.request.complete
  }

  /** The end of the answer would close the connection of a client that still sends. */
  protected lingers(): boolean {
    return this.uploads() && !isHttp2Response(this.response) && !this.response.shouldKeepAlive
  }

  /** Reads what the client still sends. @param end - Ends the answer, where that was put off. */
  protected discardRest(end?: () => void): void {
    const { body } = this.passage.options
    if (!(body instanceof RequestBody) || !this.uploads()) return
    body.letGo()
    discardRest(this.request, this.response, end)
  }

  /** Lets go of the client's side, and of the clock. */
  protected detach(): void {
    this.limits?.end()
    this.#headLimit?.end()
    unwatchClient(this.request, this.response, this)
  }

  protected nonsense(what: string): UpstreamBrokenError {
    const { id } = this.passage.lease
    return new UpstreamBrokenError(`Environment ${quote(id)} ${what}`, { id })
  }
}
