import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type AlcoveError, BadRequestError, UpstreamConnectError, quote } from '../errors.js'
import type { Lease } from '../instance/lease.js'
import { type Rule, checkOptions, durationMs, func, object } from '../option-check.js'
import { mayFollow, requestBody } from './body.js'
import type { Dial } from './dial.js'
import { Origin, addForwarded, plainAddress } from './forwarded.js'
import { listHas } from './headers.js'
import { type FrontRequest, type FrontResponse, clientIsGone, knowsHttp11 } from './messages.js'
import { Passage } from './passage.js'
import { type EndpointPool, Pools } from './pools.js'
import { type RequestFields, requestFields } from './request-headers.js'
import { Answer } from './response.js'
import { upstreamPath } from './target.js'
import { Tunnels } from './tunnel.js'
import { Handshake, upgradeBody } from './upgrade.js'
import { type UpstreamTls, upstreamTlsRule } from './upstream-tls.js'

/** Settings of a {@link Forwarder}. */
export interface ForwarderOptions {
  /** Opens the connections to `dial` endpoints. @default none: such an endpoint can't be reached */
  readonly dial?: Dial
  /**
   * The name of this gateway in Via, by which a request that comes round again is told (RFC 9110 §7.6.3). Gateways in a row need
   * different ones. @default random
   */
  readonly gatewayName?: string
  /**
   * Which peers may say for whom they ask: their X-Forwarded-* and Forwarded are extended. @default none: they are replaced
   */
  readonly trustProxy?: (remoteAddress: string) => boolean
  /** How long the first byte of an answer may take. @default 300_000 */
  readonly headersTimeoutMs?: number
  /** How long a connection to an environment may take. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** With what environments are reached over TLS, where their endpoint names no secret of its own. @default Node.js's authorities */
  readonly upstreamTls?: UpstreamTls
  /** The same by the name that an endpoint's `tls.secret` has. @default none */
  readonly tlsSecrets?: Readonly<Record<string, UpstreamTls>>
}

/** What becomes of one request. */
export interface ForwardTarget {
  /** The request target to ask the environment for. */
  readonly target: string
  /** Cookies to add to the answer. */
  readonly setCookie?: readonly string[]
}

const token: Rule = {
  expected: "a word of letters, digits and !#$%&'*+-.^_`|~",
  holds: (value) => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value),
}

/**
 * Passes requests on to instances and their answers back.
 *
 * @example
 * ```ts
 * const forwarder = new Forwarder()
 * await using lease = await manager.acquire('pr-42')
 * await forwarder.forward(request, response, lease, { target: request.url })
 * ```
 */
export class Forwarder {
  readonly #name: string
  readonly #trustProxy: ((remoteAddress: string) => boolean) | undefined
  readonly #pools: Pools
  readonly #tunnels = new Tunnels()
  readonly #origins = new WeakMap<Duplex, Origin>()

  constructor(options: ForwarderOptions = {}) {
    checkOptions('the forwarder', options, {
      dial: func,
      gatewayName: token,
      trustProxy: func,
      headersTimeoutMs: durationMs,
      connectTimeoutMs: durationMs,
      upstreamTls: upstreamTlsRule,
      tlsSecrets: object,
    })
    this.#name = options.gatewayName ?? `alcove-${randomBytes(6).toString('hex')}`
    this.#trustProxy = options.trustProxy
    this.#pools = new Pools({
      dial: options.dial,
      headersTimeoutMs: options.headersTimeoutMs ?? 300_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      upstreamTls: options.upstreamTls,
      tlsSecrets: options.tlsSecrets,
    })
  }

  /**
   * Passes a request on and its answer back; resolves when the answer has been sent or given up, and then the client's connection
   * is destroyed.
   *
   * @throws an AlcoveError only while nothing was sent to the client, so that the caller can answer; after
   *   {@link UpstreamConnectError} the body is unread, and the caller may try again
   */
  forward(
    request: FrontRequest,
    response: FrontResponse,
    lease: Lease,
    to: ForwardTarget,
  ): Promise<void> {
    return new Promise((resolve, reject: (error: AlcoveError) => void) => {
      const start = (): void => {
        if (response.headersSent || response.writableEnded || clientIsGone(request, response)) {
          resolve()
          return
        }
        const fields = requestFields(request.rawHeaders, this.#name)
        const body = requestBody(request, fields.framing, fields.contentLength)
        if (fields.smuggling) response.setHeader('Connection', 'close')
        const passage = this.#passage(request, lease, to, fields, body, resolve, reject)
        new Answer(request, response, passage).start()
      }
      if (mayFollow(request)) Promise.resolve().then(start).catch(reject)
      else start()
    })
  }

  /**
   * The same for an upgrade; resolves when the tunnel has ended, or any other answer has been sent.
   *
   * @throws an AlcoveError, and then nothing was written to the socket
   */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    lease: Lease,
    to: ForwardTarget,
  ): Promise<void> {
    return new Promise((resolve, reject: (error: AlcoveError) => void) => {
      this.#tunnels.guard(socket)
      // A client that has closed its side does not wait for a tunnel.
      if (socket.destroyed || socket.readableEnded) {
        socket.destroy()
        resolve()
        return
      }
      const fields = requestFields(request.rawHeaders, this.#name)
      const websocket = knowsHttp11(request) && listHas(fields.upgrade ?? '', 'websocket')
      const body = upgradeBody(request, socket, head, fields, websocket)
      const passage = this.#passage(request, lease, to, fields, body, resolve, reject)
      // Anything else, such as h2c, is a wish that a server is free to ignore (RFC 9110 §7.8).
      if (websocket) passage.options.upgrade = 'websocket'
      new Handshake(request, socket, head, this.#tunnels, passage).start()
    })
  }

  /** Drops the connections to an instance that is gone or replaced; what is under way may end. */
  drop(id: string, generation: number): void {
    this.#pools.drop(id, generation)
  }

  /** Ends all connections to environments, and all tunnels. */
  async close(): Promise<void> {
    this.#tunnels.close()
    await this.#pools.close()
  }

  #passage(
    request: FrontRequest,
    lease: Lease,
    to: ForwardTarget,
    fields: RequestFields,
    body: Readable | Buffer | null,
    resolve: () => void,
    reject: (error: AlcoveError) => void,
  ): Passage {
    const method = request.method ?? 'GET'
    if (method === 'CONNECT') {
      throw new BadRequestError('CONNECT asks for a tunnel and is not forwarded')
    }
    const origin = this.#originOf(request.socket)
    const pool = this.#poolFor(lease)
    const { flat } = fields
    if (fields.host !== undefined) flat.push('host', fields.host)
    if (fields.contentLength !== undefined && !Buffer.isBuffer(body)) {
      flat.push('content-length', fields.contentLength)
    }
    addForwarded(fields, origin)
    flat.push('Via', `${request.httpVersion} ${this.#name}`)
    const options = {
      path: upstreamPath(to.target),
      method,
      headers: flat,
      body,
      // Otherwise undici closes the connection after HEAD and after a body where it expects none.
      reset: false,
      servername: pool.serverName,
    }
    return new Passage(lease, pool, options, origin, fields, to.setCookie, resolve, reject)
  }

  #poolFor(lease: Lease): EndpointPool {
    try {
      return this.#pools.for(lease)
    } catch (cause) {
      throw new UpstreamConnectError(`Environment ${quote(lease.id)} has no address yet`, {
        id: lease.id,
        cause,
        retryAfterMs: 1000,
      })
    }
  }

  #originOf(socket: Duplex): Origin {
    let origin = this.#origins.get(socket)
    if (!origin) {
      const { remoteAddress, encrypted, localPort } = socket as Partial<TLSSocket>
      const address = plainAddress(remoteAddress)
      const trusted = address !== undefined && (this.#trustProxy?.(address) ?? false)
      origin = new Origin(address, encrypted === true, localPort, trusted)
      this.#origins.set(socket, origin)
    }
    return origin
  }
}
