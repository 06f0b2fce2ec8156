import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { BadRequestError, BodyAlreadyReadError } from '../errors.js'
import { type FrontRequest, hasBody, isHttp2Request } from './messages.js'
import type { Framing } from './request-headers.js'

/** Up to this size, a body that is here already is sent in one piece with the request's head. */
const wholeBodyBytes = 64 * 1024

/**
 * Parts below this go on in one piece with those that come with them: each costs about 1 KiB beside its bytes wherever it waits, and
 * one read may bring ten thousand.
 */
export const smallPartBytes = 1024
/** But not more of them. */
const mostSmallParts = 1024

interface Source {
  /** The body that reads it. */
  [kBody]?: RequestBody | undefined
  /** What was taken whole and never sent. */
  [kUnsent]?: Buffer
}
const kBody = Symbol('body')
const kUnsent = Symbol('unsent')

/**
 * The body to send, `null` where the request has none. Nothing is read of a stream before its connection stands.
 *
 * @throws {@link BodyAlreadyReadError} where somebody else has read it
 * @throws {@link BadRequestError} where it is out of reach
 */
export function requestBody(
  request: FrontRequest,
  framing: Framing,
  contentLength: string | undefined,
): RequestBody | Buffer | null {
  if (isHttp2Request(request)) {
    if (request.stream.endAfterHeaders) return null
  } else if (framing === 'none' || contentLength === '0') {
    return null
  }
  const unsent = (request as Source)[kUnsent]
  if (unsent) return unsent
  if (request.readableDidRead || request.readableEnded) {
    throw new BodyAlreadyReadError(
      'The body of this request was read before it came here: mount devEnvProxy() before body parsers such as express.json()',
    )
  }
  return takeWhole(request, contentLength) ?? new RequestBody(request)
}

// In one piece it is half the work of a stream.
function takeWhole(request: FrontRequest, contentLength: string | undefined): Buffer | undefined {
  const { readableLength } = request
  if (isHttp2Request(request) || readableLength > wholeBodyBytes) return undefined
  const isAll = readableLength === Number(contentLength)
  if (!request.complete && !isAll) return undefined
  if (request.complete && !isAll && (contentLength !== undefined || isUpgrade(request))) {
    // Older versions of Node.js leave it in the socket of what they take for an upgrade.
    throw new BadRequestError("The body of a request that asks for an upgrade can't be read here")
  }
  // Without a size, Node.js 26 gives the first part only.
  const whole = (request.read(readableLength) as Buffer | null) ?? Buffer.alloc(0)
  // So that it ends for whoever waits for that.
  request.resume()
  return whole
}

function isUpgrade(request: IncomingMessage & { readonly upgrade?: unknown }): boolean {
  return request.upgrade === true && request.readableLength === 0
}

/**
 * Whether a body may be here in a moment. A request is announced before the bytes behind its head are looked at, which mostly
 * are all of a small body.
 */
export function mayFollow(request: FrontRequest): boolean {
  const { method } = request
  return (
    method !== 'GET' &&
    method !== 'HEAD' &&
    !isHttp2Request(request) &&
    !request.complete &&
    request.readableLength === 0
  )
}

/** Whether its client still sends a request's body, as far as can be told before it is read. */
export function isUploading(request: FrontRequest): boolean {
  if (request.complete || !hasBody(request)) return false
  return (
    isHttp2Request(request) || request.readableLength !== Number(request.headers['content-length'])
  )
}

/** Keeps a body that nobody was sent for the next attempt. */
export function keepUnsent(request: FrontRequest, body: unknown): void {
  if (Buffer.isBuffer(body)) (request as Source)[kUnsent] = body
}

/**
 * A request's body as undici may treat it: undici destroys the body when the answer comes early, which for the request itself
 * would take the client's connection along.
 */
export class RequestBody extends Readable {
  /** Told of each part that has come. */
  onPart: (() => void) | undefined
  /** How many bytes have come. */
  taken = 0
  /** When the client had sent all of it, on the clock of `performance`. */
  endedAt: number | undefined
  readonly #source: FrontRequest & Source
  #letGo = false
  #small: Buffer[] = []
  #passing: NodeJS.Immediate | undefined

  constructor(source: FrontRequest) {
    super()
    this.#source = source
  }

  override _read(): void {
    const source = this.#source
    if (this.#letGo) return
    if (source[kBody] === this) {
      source.resume()
    } else {
      // Not before: whoever asks has a connection to write to.
      source[kBody] = this
      source.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
    }
  }

  /** Whether it waits for the client to send on, and not for the environment to take what is here. */
  get waitsForClient(): boolean {
    return !this.#source.isPaused()
  }

  /** @returns whether there is room for more */
  accept(part: Buffer): boolean {
    this.taken += part.length
    const parts = this.#small
    if (parts.length === 0 && part.length >= smallPartBytes) return this.push(part)
    if (parts.push(part) === mostSmallParts) return this.#passSmall()
    // Node.js ends a tick after each part that its parser finds, but not a turn.
    this.#passing ??= setImmediate(() => {
      if (!this.#passSmall()) this.#source.pause()
    })
    return true
  }

  /** The client has sent all of it. */
  end(): void {
    this.endedAt = performance.now()
    this.#passSmall()
    this.push(null)
  }

  #passSmall(): boolean {
    clearImmediate(this.#passing)
    this.#passing = undefined
    const parts = this.#small
    this.#small = []
    return parts.length === 0 || this.#letGo || this.push(Buffer.concat(parts))
  }

  /** Leaves the rest of the request to somebody else. */
  letGo(): void {
    const source = this.#source
    this.#letGo = true
    if (source[kBody] !== this) return
    source[kBody] = undefined
    source.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.letGo()
    callback(error)
  }
}

function onData(this: FrontRequest & Source, chunk: Buffer): void {
  const body = this[kBody]
  body?.onPart?.()
  if (body?.accept(chunk) === false) this.pause()
}

function onEnd(this: FrontRequest & Source): void {
  const body = this[kBody]
  // A stream of HTTP/2 that is reset ends like any other; a body that was cut must not pass for a whole one.
  if (isHttp2Request(this) && this.aborted) body?.destroy(cutShort())
  else body?.end()
}

function onError(this: Source, error: Error): void {
  this[kBody]?.destroy(error)
}

// An aborted upload may close without an error; it is no complete one for that.
function onClose(this: FrontRequest & Source): void {
  if (!this.readableEnded) this[kBody]?.destroy(cutShort())
}

function cutShort(): Error {
  return new Error('The client went away while it was sending')
}
