import { ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { type AlcoveError, UpstreamBrokenError, UpstreamConnectError, quote } from '../errors.js'
import type { Lease, RevokeReason } from '../instance/lease.js'
import { RequestBody } from './body.js'
import { discardRest } from './early-answer.js'
import { classifyFailure } from './failure.js'
import type { Origin } from './forwarded.js'
import { relayInterim } from './interim.js'
import { type FrontRequest, type FrontResponse, isHttp2Response } from './messages.js'
import type { Connection, ConnectionAware, EndpointPool } from './pools.js'
import type { RequestFields } from './request-headers.js'
import { type ResponseFields, responseFields, trailerFields } from './response-headers.js'
import { mayRetry } from './retry.js'

/** The one handler of undici's events: relays an answer to the client, and gives up cleanly from either side. */
export class Answer implements ConnectionAware {
  connection: Connection | undefined
  protected controller: Dispatcher.DispatchController | undefined
  /** undici has written the request, or has begun to. */
  protected sent = false
  /** Nothing that comes now is of interest. */
  protected over = false
  #answerBegan = false
  #reused = false
  #isRetry = false
  #eventStream = false
  /** All of the answer is with the response. */
  #ended = false
  #drainWatched = false
  #remaining = -1
  #onSocketClose: (() => void) | undefined

  constructor(
    readonly request: FrontRequest,
    readonly response: FrontResponse,
    protected readonly lease: Lease,
    protected readonly pool: EndpointPool,
    protected readonly options: Dispatcher.DispatchOptions,
    private readonly origin: Origin,
    private readonly fields: RequestFields,
    private readonly setCookie: readonly string[] | undefined,
    protected readonly resolve: () => void,
    protected readonly reject: (error: AlcoveError) => void,
  ) {
    const answering = response as FrontResponse & Answering
    answering[kAnswer] = this
    answering.on('close', onClose)
    // A response that waits behind another one on its connection is not told when that goes.
    if (response.socket === null) {
      this.#onSocketClose = () => this.closed()
      request.socket.once('close', this.#onSocketClose)
    }
  }

  /** What the client knows this server as. */
  get publicOrigin(): string {
    const { fields, origin } = this
    const proto =
      (origin.trusted ? firstOf(fields.forwardedProto) : undefined) ??
      (origin.encrypted ? 'https' : 'http')
    const host = (origin.trusted ? firstOf(fields.forwardedHost) : undefined) ?? fields.host
    return host ? `${proto}://${host}` : ''
  }

  start(): void {
    this.lease.onRevoke((why) => this.revoked(why))
    if (!this.over) this.pool.dispatch(this.options, this, this.lease)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) {
      controller.abort(new Error('Nobody waits for the answer any more'))
      return
    }
    this.sent = true
    this.#reused = this.connection?.use() ?? false
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
    const raw = controller.rawHeaders as Buffer[]
    if (status < 200) {
      if (status <= 101) throw this.#nonsense(`with the status ${status}`)
      relayInterim(this.request, this.response, status, raw)
      return
    }
    const fields = responseFields(raw, this.pool.own, this)
    const { response } = this
    if (response.headersSent) throw new Error('The host has answered itself')
    const bodiless = this.options.method === 'HEAD' || status === 204 || status === 304
    this.#remaining = bodiless ? -1 : fields.contentLength
    if (this.setCookie) for (const cookie of this.setCookie) fields.flat.push('Set-Cookie', cookie)
    if (isHttp2Response(response)) writeHttp2Head(response, status, fields)
    else writeHttp1Head(response, status, message, fields, bodiless || !acceptsChunks(this.request))
    if (fields.eventStream) {
      this.#eventStream = true
      this.lease.become('stream')
    }
    if (!bodiless && fields.contentLength !== 0) process.nextTick(flush, this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    const { response } = this
    if (this.#remaining >= 0) {
      this.#remaining -= chunk.length
      if (this.#remaining === 0) {
        // The head, where it has not gone yet, and the body leave in one write.
        this.#ended = true
        response.end(chunk)
        return
      }
    }
    // Both kinds of response take a Buffer; the union of their overloads does not say so.
    if (!(response as ServerResponse).write(chunk)) {
      controller.pause()
      if (!this.#drainWatched) {
        this.#drainWatched = true
        this.lease.become('stream')
        response.on('drain', onDrain)
      }
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.over) return
    if (!this.#ended) {
      this.#ended = true
      const { response } = this
      const raw = controller.rawTrailers as Buffer[] | null
      if (raw && raw.length > 0) relayTrailers(response, raw)
      response.end()
    }
    const { body } = this.options
    if (body instanceof RequestBody && !body.readableEnded) discardRest(this.request, this.response)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.over || this.#ended) return
    const { options } = this
    if (!this.response.headersSent && this.sent) {
      const attempt = {
        method: options.method,
        hasBody: options.body !== null,
        reusedConnection: this.#reused,
        answerBegan: this.#answerBegan,
        isRetry: this.#isRetry,
      }
      if (mayRetry(attempt)) {
        this.#isRetry = true
        this.sent = false
        this.controller = undefined
        this.pool.dispatch(options, this, this.lease)
        return
      }
    }
    this.fail(error)
  }

  /** Ends it: an error for the gateway to answer with, or the end of the client's connection where an answer has begun. */
  protected fail(error: Error): void {
    if (this.over) return
    this.detach()
    if (this.response.headersSent) {
      destroyResponse(this.request, this.response)
      this.resolve()
    } else {
      const { id } = this.lease
      this.reject(classifyFailure(error, { id, endpoint: this.pool.endpoint, sent: this.sent }))
    }
    this.controller?.abort(error)
  }

  protected revoked(why: RevokeReason): void {
    if (this.over || this.#ended) return
    if (why === 'gone') {
      const reason = `Environment ${quote(this.lease.id)} ended before it had answered`
      this.fail(
        this.sent
          ? new UpstreamBrokenError(reason, { id: this.lease.id })
          : new UpstreamConnectError(reason, { id: this.lease.id, retryAfterMs: 1000 }),
      )
    } else if (this.#eventStream) {
      this.#ended = true
      this.response.end()
      this.controller?.abort(new Error('The event stream was ended'))
    }
  }

  /** The client's side is over, for whatever reason. */
  closed(): void {
    if (this.over) return
    this.detach()
    this.controller?.abort(new Error('The client went away'))
    this.resolve()
  }

  drained(): void {
    this.controller?.resume()
  }

  flush(): void {
    if (this.over || this.#ended || this.response.writableEnded) return
    // HTTP/2's responses have it too, though their types do not say so.
    ;(this.response as ServerResponse).flushHeaders()
  }

  /** Lets go of the client's side. */
  protected detach(): void {
    this.over = true
    const response = this.response as FrontResponse & Answering
    response.off('close', onClose)
    if (this.#drainWatched) response.off('drain', onDrain)
    response[kAnswer] = undefined
    if (this.#onSocketClose) this.request.socket.off('close', this.#onSocketClose)
  }

  #nonsense(what: string): UpstreamBrokenError {
    return new UpstreamBrokenError(`Environment ${quote(this.lease.id)} answered ${what}`, {
      id: this.lease.id,
    })
  }
}

interface Answering {
  [kAnswer]?: Answer | undefined
}
const kAnswer = Symbol('answer')

// Listeners without closures: there is one of each for all requests.
function onClose(this: Answering): void {
  this[kAnswer]?.closed()
}

function onDrain(this: Answering): void {
  this[kAnswer]?.drained()
}

function flush(answer: Answer): void {
  answer.flush()
}

function firstOf(list: string | undefined): string | undefined {
  return list?.split(',', 1)[0]?.trim() || undefined
}

function acceptsChunks(request: FrontRequest): boolean {
  return request.httpVersionMajor > 1 || request.httpVersionMinor > 0
}

function writeHttp1Head(
  response: ServerResponse,
  status: number,
  message: string | undefined,
  fields: ResponseFields,
  noTrailers: boolean,
): void {
  const { flat } = fields
  // Node.js throws where Trailer is announced and nothing can carry it.
  if (fields.trailer !== undefined && fields.contentLength < 0 && !noTrailers)
    flat.push('Trailer', fields.trailer)
  const reason =
    message !== undefined && !/[^\t\x20-\x7e\x80-\xff]/.test(message)
      ? message
      : (STATUS_CODES[status] ?? '')
  if (response.writeHead === ServerResponse.prototype.writeHead) {
    // Cookies that the host has set are its own; everything else the environment knows better.
    const own = response.getHeader('set-cookie')
    if (own !== undefined)
      for (const cookie of Array.isArray(own) ? own : [String(own)]) flat.push('Set-Cookie', cookie)
    response.writeHead(status, reason, flat)
  } else {
    // Somebody has put a function of their own in its place, and those seldom understand a flat list.
    setFields(response, flat)
    response.writeHead(status, reason)
  }
}

function writeHttp2Head(
  response: Exclude<FrontResponse, ServerResponse>,
  status: number,
  { flat }: ResponseFields,
): void {
  setFields(response, flat)
  response.writeHead(status)
}

function setFields(response: FrontResponse, flat: readonly string[]): void {
  const seen = new Set<string>(['set-cookie'])
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const lower = name.toLowerCase()
    if (seen.has(lower)) {
      response.appendHeader(name, flat[i + 1] as string)
    } else {
      seen.add(lower)
      response.setHeader(name, flat[i + 1] as string)
    }
  }
}

function relayTrailers(response: FrontResponse, raw: readonly Buffer[]): void {
  const pairs = trailerFields(raw)
  if (isHttp2Response(response)) response.addTrailers(Object.fromEntries(pairs))
  else response.addTrailers(pairs)
}

/** Breaks the client's connection (over HTTP/2 its stream), so that a cut answer can't pass for a whole one. */
export function destroyResponse(request: FrontRequest, response: FrontResponse): void {
  if (isHttp2Response(response)) {
    // INTERNAL_ERROR (RFC 9113 §7)
    response.stream.close(2)
  } else {
    const { socket } = response
    // Without chunks or a length, the end of the connection is the end of the body; only a reset says otherwise.
    if (socket && !acceptsChunks(request) && 'resetAndDestroy' in socket) socket.resetAndDestroy()
    response.destroy()
  }
}
