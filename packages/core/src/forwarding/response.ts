import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import {
  RequestTimeoutError,
  StreamIdleTimeoutError,
  UpstreamBrokenError,
  UpstreamConnectError,
  quote,
} from '../errors.js'
import type { RevokeReason } from '../instance/lease.js'
import { RequestBody, keepUnsent } from './body.js'
import { type Answerer, unwatchClient, watchClient, watchDrain } from './client-side.js'
import { discardRest } from './early-answer.js'
import { classifyFailure, connectRetryAfterMs } from './failure.js'
import {
  type FrontRequest,
  type FrontResponse,
  clientIsGone,
  destroyResponse,
  isHttp2Response,
  knowsHttp11,
} from './messages.js'
import type { Passage } from './passage.js'
import type { Connection, ConnectionAware } from './connection.js'
import { relayInterim, relayTrailers, writeHead } from './response-head.js'
import { type ResponseFields, responseFields } from './response-headers.js'
import { mayRetry } from './retry.js'
import { type TimeLimit, TimeLimits } from './time-limits.js'

// One for all: nobody is told, and the trace of each would cost more than the rest.
const nobodyWaits = new Error('Nobody waits for the answer any more')

/** Up to here, a copy is cheaper than another buffer for the kernel. */
const smallBodyBytes = 8 * 1024

/** The one handler of undici's events: relays an answer to the client, and gives up cleanly from either side. */
export class Answer implements Answerer, ConnectionAware {
  connection: Connection | undefined
  /** Nothing that comes now is of interest. */
  protected over = false
  #controller: Dispatcher.DispatchController | undefined
  /** undici has begun to write the request. */
  #sent = false
  #reused = false
  #isRetry = false
  #answerBegan = false
  #headPassed = false
  #bodyPassed = false
  /** The response is Node.js's own. */
  #plain = false
  /** All of the answer is with the response. */
  #ended = false
  #eventStream = false
  /** The end of the connection is the end of the body. */
  #untilClose = false
  #drainWatched = false
  /** Bytes of a declared length that are still to come, -1 where none is declared. */
  #remaining = -1
  readonly #limits: TimeLimits | undefined

  constructor(
    protected readonly request: FrontRequest,
    protected readonly response: FrontResponse,
    protected readonly passage: Passage,
  ) {
    watchClient(request, response, this)
    this.#limits = TimeLimits.of(passage.rules, (limit) => this.#late(limit))
  }

  start(): void {
    const { lease, pool, options } = this.passage
    lease.onRevoke((why) => this.#revoked(why))
    if (!this.over) pool.dispatch(options, this, lease)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.over) {
      controller.abort(nobodyWaits)
      return
    }
    this.#sent = true
    this.#reused = this.connection?.use() ?? false
    const { body } = this.passage.options
    if (!this.#limits || !(body instanceof RequestBody)) return
    const limits = this.#limits
    limits.streams()
    body.onPart = () => limits.moved()
    body.once('end', () => {
      if (!this.#headPassed) limits.uploaded()
    })
  }

  onResponseStarted(): void {
    this.#answerBegan = true
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    message?: string,
  ): void {
    if (this.over) return
    const { request, response } = this
    // The host has lost its patience and answered itself.
    if (response.headersSent) {
      this.closed()
      return
    }
    const raw = controller.rawHeaders as Buffer[]
    if (status < 200) {
      // undici reports a change of protocols elsewhere, and less than 100 is no status.
      if (status <= 101) throw this.nonsense(`with the status ${status}`)
      relayInterim(request, response, status, responseFields(raw, this.passage))
      return
    }
    this.#passHead(status, message, responseFields(raw, this.passage))
  }

  #passHead(status: number, message: string | undefined, fields: ResponseFields): void {
    const { request, response } = this
    const { options, to, lease, rules } = this.passage
    const { hooks } = rules
    if (hooks.forResponses) {
      const { id, generation } = lease
      hooks.changeAnswer(request, { id, generation, status }, fields.flat)
    }
    if (to.setCookie) for (const cookie of to.setCookie) fields.flat.push('Set-Cookie', cookie)
    if (status === 401 && this.passage.fields.authorizationWithheld) {
      // Whoever wonders why signing in does not work finds the reason where they look first.
      fields.flat.push('X-Alcove-Withheld', 'authorization')
    }
    const bodiless = options.method === 'HEAD' || status === 204 || status === 304
    if (bodiless || fields.contentLength >= 0 || !knowsHttp11(request)) {
      // Only chunks can be followed by trailers, and Node.js throws where some are announced without.
      fields.trailer = undefined
    }
    this.#plain = writeHead(response, status, message ?? STATUS_CODES[status] ?? '', fields)
    this.#headPassed = true
    if (fields.eventStream) {
      this.#eventStream = true
      lease.become('stream')
      this.#limits?.endless()
    }
    if (bodiless || fields.contentLength === 0) return
    this.#remaining = fields.contentLength
    this.#untilClose = fields.contentLength < 0 && !fields.chunked
    this.#limits?.streams()
    // Most bodies begin in the same read, and then head and body leave together.
    process.nextTick(flushHead, this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    this.#limits?.moved()
    // Both kinds of response take a Buffer; the union of their overloads does not say so.
    const response = this.response as ServerResponse
    if (this.#remaining >= 0) {
      this.#remaining -= chunk.length
      if (this.#remaining === 0 && !this.#lingers()) {
        this.#ended = true
        // As text of one byte a character, a small body leaves in one string with the head: half the work of two buffers.
        if (this.#plain && !this.#bodyPassed && chunk.length <= smallBodyBytes) {
          response.end(chunk.toString('latin1'), 'latin1')
        } else {
          response.end(chunk)
        }
        return
      }
    }
    this.#bodyPassed = true
    if (!response.write(chunk)) {
      controller.pause()
      if (!this.#drainWatched) {
        this.#drainWatched = true
        this.passage.lease.become('stream')
        watchDrain(response)
      }
    }
    // `compression` holds small events back unless it is told.
    if (this.#eventStream && 'flush' in response) {
      const { flush } = response as { flush: unknown }
      if (typeof flush === 'function') Reflect.apply(flush, response, [])
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.over) return
    if (this.#untilClose && this.connection?.broke) {
      const { id } = this.passage.lease
      this.fail(new UpstreamBrokenError(`Environment ${quote(id)} broke the connection`, { id }))
      return
    }
    const { response } = this
    const lingers = this.#lingers()
    if (!this.#ended) {
      this.#ended = true
      const raw = controller.rawTrailers as Buffer[] | null
      if (raw && raw.length > 0) relayTrailers(response, raw)
      if (!lingers) response.end()
    }
    this.#discardRest(lingers ? () => response.end() : undefined)
  }

  #discardRest(end?: () => void): void {
    const { body } = this.passage.options
    if (!(body instanceof RequestBody) || !this.#uploads()) return
    body.letGo()
    discardRest(this.request, this.response, end)
  }

  /** The client still sends. */
  #uploads(): boolean {
    const { request } = this
    return this.passage.options.body instanceof RequestBody && !request.complete
  }

  /** The end of the answer would close the connection of a client that still sends. */
  #lingers(): boolean {
    return this.#uploads() && !isHttp2Response(this.response) && !this.response.shouldKeepAlive
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.over || this.#ended) return
    if (this.#sent && this.#mayRetry()) {
      this.#isRetry = true
      this.#sent = false
      this.#controller = undefined
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
      answerBegan: this.#answerBegan,
      isRetry: this.#isRetry,
    })
  }

  /** Ends it with an error for the gateway to answer with, or with the client's connection where an answer has begun. */
  protected fail(error: Error): void {
    if (this.over) return
    this.over = true
    const { request, response } = this
    const { lease, pool, options, to, resolve, reject } = this.passage
    if (this.#headPassed) destroyResponse(request, response)
    const quiet = this.#headPassed || response.headersSent || clientIsGone(request, response)
    this.detach()
    if (!this.#sent) keepUnsent(request, options.body)
    // What is left of the upload must not stand between the client and the error that it is answered with.
    else if (!quiet) this.#discardRest()
    const failure = classifyFailure(error, {
      id: lease.id,
      endpoint: pool.endpoint,
      sent: this.#sent,
    })
    if (quiet) {
      if (this.#headPassed) to.onCut?.(failure)
      resolve()
    } else {
      reject(failure)
    }
    this.#controller?.abort(error)
  }

  #late(limit: TimeLimit): void {
    const { lease, options, rules } = this.passage
    const { id } = lease
    const name = `environment ${quote(id)}`
    if (limit === 'whole') {
      const reason = `A request to ${name} was not done after ${rules.requestTimeoutMs} ms`
      this.fail(new RequestTimeoutError(reason, { id }))
      return
    }
    const { body } = options
    const atClient =
      !this.#headPassed && body instanceof RequestBody && body.waitsForClient && this.#uploads()
    const who = atClient
      ? `The client sent nothing on to ${name}`
      : `No byte passed to or from ${name}`
    this.fail(
      new StreamIdleTimeoutError(
        atClient ? 408 : 504,
        `${who} for ${rules.streamIdleTimeoutMs} ms`,
        { id },
      ),
    )
  }

  #revoked(why: RevokeReason): void {
    if (this.over || this.#ended) return
    const { id } = this.passage.lease
    if (why === 'gone') {
      const reason = `Environment ${quote(id)} ended before it had answered`
      this.fail(
        this.#sent
          ? new UpstreamBrokenError(reason, { id })
          : new UpstreamConnectError(reason, { id, retryAfterMs: connectRetryAfterMs }),
      )
    } else if (this.#eventStream) {
      this.#ended = true
      // An end before the declared one must not look like a whole answer.
      if (this.#remaining > 0) destroyResponse(this.request, this.response)
      else this.response.end()
      this.#controller?.abort(nobodyWaits)
    }
  }

  /** The client's side is over, for whatever reason. */
  closed(): void {
    if (this.over) return
    this.over = true
    this.detach()
    if (!this.#ended) this.#controller?.abort(nobodyWaits)
    this.passage.resolve()
  }

  drained(): void {
    this.#controller?.resume()
  }

  flushHead(): void {
    if (this.over || this.#bodyPassed || this.#ended || this.response.writableEnded) return
    const response = this.response as ServerResponse
    // Not flushHeaders(): Node.js writes what that sends as UTF-8, and fields are bytes.
    if (this.#plain) response.write('', 'latin1')
    // HTTP/2's responses have it too, though their types do not say so.
    else response.flushHeaders()
  }

  /** Lets go of the client's side, and of the clock. */
  protected detach(): void {
    this.#limits?.end()
    unwatchClient(this.request, this.response, this)
  }

  protected nonsense(what: string): UpstreamBrokenError {
    const { id } = this.passage.lease
    return new UpstreamBrokenError(`Environment ${quote(id)} answered ${what}`, { id })
  }
}

function flushHead(answer: Answer): void {
  answer.flushHead()
}
