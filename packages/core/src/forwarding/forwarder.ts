import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  type AlcoveError,
  BadRequestError,
  NotAuthorizedError,
  UpstreamConnectError,
  quote,
} from '../errors.js'
import type { Lease } from '../instance/lease.js'
import { checkOptions } from '../option-check.js'
import { mayFollow, requestBody } from './body.js'
import type { EarlyBytes } from './early-bytes.js'
import { Origin, addForwarded, plainAddress } from './forwarded.js'
import {
  type ForwarderOptions,
  type ForwardingRules,
  forwarderRules,
  resolveForwarderOptions,
} from './forwarder-options.js'
import {
  type FrontRequest,
  type FrontResponse,
  clientIsGone,
  clientSide,
  isFaultyFraming,
  isHttp2Request,
} from './messages.js'
import { type ForwardTarget, type Outcome, Passage } from './passage.js'
import { type EndpointPool, Pools } from './pools.js'
import { type RequestFields, requestFields } from './request-headers.js'
import { Answer } from './response.js'
import { upstreamPath } from './target.js'
import { Tunnels } from './tunnel.js'
import { Handshake } from './upgrade.js'

/**
 * Passes requests on to instances and their answers back.
 *
 * @throws an InvalidOptionError from the constructor, on an option that is unknown or makes no sense
 * @example
 * ```ts
 * const forwarder = new Forwarder()
 * await using lease = await manager.acquire('pr-42')
 * await forwarder.forward(request, response, lease, { target: request.url })
 * ```
 */
export class Forwarder {
  readonly #rules: ForwardingRules
  readonly #pools: Pools
  readonly #tunnels = new Tunnels()
  readonly #origins = new WeakMap<object, Origin>()

  constructor(options: ForwarderOptions = {}) {
    checkOptions('the forwarder', options, forwarderRules)
    this.#rules = resolveForwarderOptions(options)
    this.#pools = new Pools(this.#rules)
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
    return new Promise((resolve, reject) => {
      this.pass(request, response, lease, to, { done: resolve, failed: reject })
    })
  }

  /** {@link forward}, without a promise. */
  pass(
    request: FrontRequest,
    response: FrontResponse,
    lease: Lease,
    to: ForwardTarget,
    outcome: Outcome,
  ): void {
    if (mayFollow(request)) {
      Promise.resolve()
        .then(() => this.#pass(request, response, lease, to, outcome))
        .catch((error: unknown) => outcome.failed(error as AlcoveError))
      return
    }
    try {
      this.#pass(request, response, lease, to, outcome)
    } catch (error) {
      outcome.failed(error as AlcoveError)
    }
  }

  #pass(
    request: FrontRequest,
    response: FrontResponse,
    lease: Lease,
    to: ForwardTarget,
    outcome: Outcome,
  ): void {
    if (response.headersSent || response.writableEnded || clientIsGone(request, response)) {
      outcome.done()
      return
    }
    const fields = requestFields(request.rawHeaders, this.#rules)
    const body = requestBody(request, fields.framing, fields.contentLength)
    if (isFaultyFraming(request)) response.setHeader('Connection', 'close')
    const passage = this.#passage(request, lease, to, fields, body, outcome)
    this.#send(request, response, passage, () => {
      if (clientIsGone(request, response)) outcome.done()
      else new Answer(request, response, passage).start()
    })
  }

  /**
   * The same for a WebSocket's handshake; resolves when the tunnel has ended, or any other answer has been sent.
   *
   * @param early - Reads the socket until there is a tunnel.
   *
   * @throws an AlcoveError, and then nothing was written to the socket
   */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    early: EarlyBytes,
    lease: Lease,
    to: ForwardTarget,
  ): Promise<void> {
    return new Promise((resolve, reject: (error: AlcoveError) => void) => {
      this.#tunnels.guard(socket)
      const fields = requestFields(request.rawHeaders, this.#rules)
      if (fields.framing !== 'none' && fields.contentLength !== '0') {
        throw new BadRequestError('A WebSocket handshake has no body: leave it out')
      }
      const passage = this.#passage(request, lease, to, fields, null, {
        done: resolve,
        failed: reject,
      })
      passage.options.upgrade = 'websocket'
      this.#send(request, socket, passage, () => {
        // A client that has closed its side does not wait for a tunnel.
        if (socket.destroyed || socket.readableEnded) {
          socket.destroy()
          resolve()
        } else {
          new Handshake(request, socket, early, this.#tunnels, passage).start()
        }
      })
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

  /** Calls `send` once the host's hooks have seen the request: at once where none has to be waited for. */
  #send(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    passage: Passage,
    send: () => void,
  ): void {
    const { options, lease, fields, outcome } = passage
    if (fields.authorizationWithheld) {
      passage.tellRestricted('authorization', 'dropped', 'forwardAuthorization')
    }
    const { hooks } = this.#rules
    if (passage.ownPath !== '') assertOwnWorker(request, passage)
    if (!hooks.forRequests) {
      send()
      return
    }
    const { id, generation } = lease
    const outgoing = { id, generation, method: options.method, path: options.path }
    const changed = hooks.change(request, outgoing, fields.flat)
    const go = (): void => {
      options.path = outgoing.path
      send()
    }
    if (!changed) {
      go()
      return
    }
    // Once its client has left, it is over, whatever the hook says then.
    const end = new AbortController()
    const leave = (): void => {
      if (end.signal.aborted) return
      end.abort()
      outcome.done()
    }
    const side = clientSide(client)
    side.once('close', leave)
    client.once('end', leave)
    const unwatch = (): void => {
      side.off('close', leave)
      client.off('end', leave)
    }
    changed
      .then(() => {
        if (!end.signal.aborted) go()
      })
      .catch((error: unknown) => {
        if (!end.signal.aborted) outcome.failed(error as AlcoveError)
      })
      .finally(unwatch)
  }

  #passage(
    request: FrontRequest,
    lease: Lease,
    to: ForwardTarget,
    fields: RequestFields,
    body: Readable | Buffer | null,
    outcome: Outcome,
  ): Passage {
    const method = request.method ?? 'GET'
    if (method === 'CONNECT') {
      throw new BadRequestError('CONNECT asks for a tunnel and is not forwarded')
    }
    const origin = this.#originOf(request)
    const pool = this.#poolFor(lease)
    const { flat } = fields
    const options = {
      path: upstreamPath(to.target),
      method,
      headers: flat,
      body,
      // Otherwise undici closes the connection after HEAD and after a body where it expects none.
      reset: false,
      servername: pool.serverName,
    }
    const passage = new Passage(lease, pool, options, origin, fields, to, this.#rules, outcome)
    const host = this.#rules.changeOrigin ? passage.own?.authority : fields.host
    if (host !== undefined) flat.push('host', host)
    if (fields.contentLength !== undefined && !Buffer.isBuffer(body)) {
      flat.push('content-length', fields.contentLength)
    }
    addForwarded(fields, origin, passage.prefix, this.#rules.xfwd)
    flat.push('Via', `${request.httpVersion} ${this.#rules.gatewayName}`)
    return passage
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

  #originOf(request: FrontRequest): Origin {
    // Over HTTP/2, a request's socket is a stand-in of its own.
    const connection = isHttp2Request(request) ? request.stream.session : request.socket
    let origin = connection && this.#origins.get(connection)
    if (!origin) {
      const { remoteAddress, encrypted, localPort } = request.socket as Partial<TLSSocket>
      const address = plainAddress(remoteAddress)
      const trusted = this.#rules.trusts(address)
      origin = new Origin(address, encrypted === true, localPort, trusted)
      if (connection) this.#origins.set(connection, origin)
    }
    return origin
  }
}

/**
 * Refuses a service worker's script from outside of the environment's own path: its folder would be the scope, and the worker answer
 * for the pages of others (https://w3c.github.io/ServiceWorker/#service-worker-script-request).
 */
function assertOwnWorker(request: FrontRequest, passage: Passage): void {
  const { clientTarget, lease, ownPath, rules } = passage
  if (rules.allowServiceWorkerScope || request.headers['service-worker'] !== 'script') return
  if (clientTarget.startsWith(`${ownPath}/`)) return
  passage.tellRestricted('service-worker', 'dropped', 'allowServiceWorkerScope')
  throw new NotAuthorizedError(
    403,
    `The service worker of environment ${quote(lease.id)} has to be below ${quote(`${ownPath}/`)}: register it from there, or set \`allowServiceWorkerScope\``,
    { id: lease.id },
  )
}
