import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { assertEnvironmentId, type EnvironmentId } from '../environment/id.js'
import {
  AlcoveError,
  ClosedError,
  EnvironmentNotFoundError,
  HookFailedError,
  RouteRejectedError,
  UpstreamConnectError,
  UpstreamConnectTimeoutError,
} from '../errors.js'
import { needsNoMore } from '../forwarding/early-answer.js'
import { Forwarder } from '../forwarding/forwarder.js'
import { isFaultyFraming, isHttp2Response } from '../forwarding/messages.js'
import type { ForwardTarget } from '../forwarding/passage.js'
import type { Lease } from '../instance/lease.js'
import { EnvironmentManager } from '../manager/manager.js'
import { asRouter, type Route } from '../routing/as-router.js'
import { portRouter } from '../routing/port.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import { answerAsRequest, attachUpgrades, responseOn, type UpgradableServer } from './attachment.js'
import {
  assertMayStart,
  type Authorization,
  type Authorize,
  type CrossSiteStarts,
  ownerOf,
} from './authorization.js'
import { errorAnswer } from './error-page.js'
import type { GatewayRequest, GatewayResponse } from './messages.js'
import { mountPath, Mounts } from './mounts.js'
import {
  type GatewayOptions,
  type OnError,
  type SharedManagerOptions,
  splitOptions,
} from './options.js'
import { HeadOfRequest } from './request-head.js'

/** A port of its own for one environment. */
export interface EnvironmentPort extends AsyncDisposable {
  readonly port: number
  /** `http://host:port`. */
  readonly url: string
  /** Stops listening; the environment stays. Idempotent. */
  close(): Promise<void>
}

/** The reason of a wait that its client has given up. */
const clientLeft = Symbol('the client left')

/** How often a request is sent again because nothing could be connected to. */
const connectAttempts = 2

/** Takes each request on its way: route, authorize, acquire, forward, release. */
export class Doorman {
  readonly manager: EnvironmentManager
  readonly #ownsManager: boolean
  readonly #forwarder: Forwarder
  readonly #ports = portRouter()
  readonly #route: Route
  readonly #authorize: Authorize | undefined
  readonly #crossSiteStarts: CrossSiteStarts
  readonly #showLogs: boolean
  readonly #onError: OnError | undefined
  readonly #attached = new Map<UpgradableServer, { readonly mounts: Mounts; detach(): void }>()
  readonly #listening = new Set<EnvironmentPort>()
  readonly #forget: () => void
  #closed: Promise<void> | undefined

  constructor(options: GatewayOptions | SharedManagerOptions, where: string) {
    const { own, forManager } = splitOptions(options, where)
    const { router, authorize, crossSiteStarts, showLogs, onError, ...forwarding } = own
    this.#ownsManager = !(forManager instanceof EnvironmentManager)
    this.manager =
      forManager instanceof EnvironmentManager ? forManager : new EnvironmentManager(forManager)
    this.#route = asRouter(router)
    this.#authorize = authorize
    this.#crossSiteStarts = crossSiteStarts ?? 'navigations'
    this.#showLogs = showLogs ?? false
    this.#onError = onError
    this.#forwarder = new Forwarder({
      ...forwarding,
      dial: (lease, signal) => this.manager.dial(lease, signal),
      tls: (lease) => this.manager.tls(lease),
      onRestricted: (restriction) => this.manager.reportRestriction(restriction),
    })
    const drop: Parameters<typeof this.manager.on<'transition'>>[1] = ({ id, generation, to }) => {
      if (to === 'stopped' || to === 'failed') this.#forwarder.drop(id, generation)
    }
    this.manager.on('transition', drop)
    this.#forget = () => this.manager.off('transition', drop)
  }

  /** Never rejects. */
  async request(
    request: GatewayRequest,
    response: GatewayResponse,
    next: (() => void) | undefined,
  ): Promise<void> {
    this.#attachTo(request)
    const head = new HeadOfRequest(request)
    try {
      const match = this.#match(head)
      if (match === undefined) {
        if (next) next()
        else throw new RouteRejectedError(404, 'This request names no environment')
      } else if (match.is === 'redirect') {
        this.#redirect(request, response, match.location)
      } else if (match.is === 'reject') {
        throw new RouteRejectedError(match.status, match.reason)
      } else {
        const to = this.#targetOf(request, head, match, (error) => {
          void this.#tell(error, request, response)
        })
        await this.#visit(request, response, head, match, (lease) =>
          this.#forwarder.forward(request, response, lease, to),
        )
      }
    } catch (error) {
      const unknown = error instanceof EnvironmentNotFoundError
      if (unknown && next && this.#isGuess(head)) next()
      else await this.#refuse(request, response, error)
    }
  }

  attach(server: UpgradableServer): void {
    if (this.#attached.has(server) || this.#closed) return
    const mounts = new Mounts()
    const detach = attachUpgrades(server, (request, socket, head) =>
      this.#takeUpgrade(server, mounts, request, socket, head),
    )
    this.#attached.set(server, { mounts, detach })
  }

  async listenFor(
    id: EnvironmentId,
    { port = 0, host = '127.0.0.1' }: { readonly port?: number; readonly host?: string },
  ): Promise<EnvironmentPort> {
    assertEnvironmentId(id)
    if (this.#closed) throw new ClosedError()
    const sockets = new Set<Duplex>()
    const server = createServer((request, response) => {
      void this.request(request, response, undefined)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve())
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    this.attach(server)
    const { port: bound } = server.address() as AddressInfo
    this.#ports.set(bound, id)
    const close = (): Promise<void> =>
      new Promise((resolve) => {
        this.#ports.delete(bound)
        this.#listening.delete(listening)
        this.#attached.get(server)?.detach()
        this.#attached.delete(server)
        server.close(() => resolve())
        // Upgraded ones as well, which the server does not know any more.
        for (const socket of sockets) socket.destroy()
      })
    const listening: EnvironmentPort = {
      port: bound,
      url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
      close,
      [Symbol.asyncDispose]: close,
    }
    this.#listening.add(listening)
    return listening
  }

  close(how: { readonly drainMs?: number }): Promise<void> {
    this.#closed ??= this.#close(how)
    return this.#closed
  }

  async #close(how: { readonly drainMs?: number }): Promise<void> {
    for (const { detach } of this.#attached.values()) detach()
    this.#attached.clear()
    if (this.#ownsManager) await this.manager.close(how)
    await Promise.all([...this.#listening].map((listening) => listening.close()))
    this.#forget()
    await this.#forwarder.close()
  }

  #match(head: RequestHead): ReturnType<Route> {
    return this.#ports.route(head) ?? this.#route(head)
  }

  #isGuess(head: RequestHead): boolean {
    const match = this.#match(head)
    return match?.is === 'environment' && match.orNext === true
  }

  /** Returns whether the upgrade was for an environment, and is taken care of. */
  #takeUpgrade(
    server: UpgradableServer,
    mounts: Mounts,
    request: IncomingMessage,
    socket: Duplex,
    first: Buffer,
  ): boolean {
    if (!mounts.enter(request)) return false
    const head = new HeadOfRequest(request)
    let match: ReturnType<Route>
    try {
      match = this.#match(head)
    } catch (error) {
      void this.#refuse(request, responseOn(request, socket), error)
      return true
    }
    // An offer of any other protocol is for the gateway to ignore (RFC 9110 §7.8); h2c is not passed on.
    if (match?.is === 'environment' && /^websocket$/i.test(request.headers.upgrade ?? '')) {
      void this.#upgrade(request, socket, first, head, match)
      return true
    }
    mounts.leave(request)
    if (match !== undefined) answerAsRequest(server, request, socket)
    return match !== undefined
  }

  async #upgrade(
    request: IncomingMessage,
    socket: Duplex,
    first: Buffer,
    head: RequestHead,
    match: EnvironmentMatch,
  ): Promise<void> {
    socket.on('error', () => {})
    try {
      const to = this.#targetOf(request, head, match, undefined)
      await this.#visit(request, socket, head, match, (lease) =>
        this.#forwarder.upgrade(request, socket, first, lease, to),
      )
      // Whoever left while it waited may have closed its own side only.
      if (socket.readableEnded) socket.destroy()
    } catch (error) {
      if (socket.destroyed) return
      await this.#refuse(request, responseOn(request, socket), error)
    }
  }

  /** Gets a lease and has it used; where nothing could be connected to, the environment is looked at, and asked once more. */
  async #visit(
    request: GatewayRequest,
    client: GatewayResponse | Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    use: (lease: Lease) => Promise<void>,
  ): Promise<void> {
    const owner = this.#authorize && (await this.#ask(this.#authorize, request, match))
    for (let attempt = 1; ; attempt += 1) {
      const lease =
        this.manager.acquireReady(match.id) ??
        // eslint-disable-next-line no-await-in-loop -- the second attempt depends on the first
        (await this.#wait(client, head, match, owner))
      if (!lease) return
      try {
        // eslint-disable-next-line no-await-in-loop -- as above
        await use(lease)
        return
      } catch (error) {
        const refused = error instanceof UpstreamConnectError
        if (!refused && !(error instanceof UpstreamConnectTimeoutError)) throw error
        this.manager.reportUnreachable(lease)
        // Whoever has waited for a connection in vain once is told so: a second wait would be as long.
        if (!refused || attempt === connectAttempts) throw error
      } finally {
        lease.release()
      }
    }
  }

  /** `undefined`: the client left meanwhile. */
  async #wait(
    client: GatewayResponse | Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    owner: string | undefined,
  ): Promise<Lease | undefined> {
    const state = this.manager.get(match.id)?.state ?? 'stopped'
    // One that is going down would be started again for it.
    if (state === 'stopped' || state === 'failed' || state === 'stopping') {
      assertMayStart(head, match.id, this.#crossSiteStarts)
    }
    const left = new AbortController()
    const leave = (): void => left.abort(clientLeft)
    if (client.destroyed) return undefined
    client.once('close', leave)
    // No response to an ordinary request is readable: this is the socket of an upgrade, whose client has closed its side.
    client.once('end', leave)
    if ((client as Partial<Duplex>).readableEnded) leave()
    try {
      const lease = await this.manager.acquire(match.id, {
        signal: left.signal,
        ...(owner !== undefined && { owner }),
        ...(match.template !== undefined && { template: match.template }),
        ...(match.wake !== undefined && { wake: match.wake }),
      })
      if (!left.signal.aborted) return lease
      lease.release()
      return undefined
    } catch (error) {
      if (left.signal.aborted) return undefined
      throw error
    } finally {
      client.off('close', leave).off('end', leave)
    }
  }

  async #ask(
    authorize: Authorize,
    request: GatewayRequest,
    match: EnvironmentMatch,
  ): Promise<string | undefined> {
    let answer: Authorization
    try {
      answer = await authorize(request, match)
    } catch (error) {
      if (error instanceof AlcoveError) throw error
      throw new HookFailedError(`\`authorize\` failed for environment "${match.id}"`, {
        id: match.id,
        cause: error,
      })
    }
    return ownerOf(answer, match.id)
  }

  #redirect(request: GatewayRequest, response: GatewayResponse, location: string): void {
    response.statusCode = 307
    response.setHeader('location', mountPath(request) + location)
    response.setHeader('cache-control', 'no-store')
    this.#end(request, response, '')
  }

  #targetOf(
    request: GatewayRequest,
    head: RequestHead,
    match: EnvironmentMatch,
    onCut: ((error: AlcoveError) => void) | undefined,
  ): ForwardTarget {
    const { target = head.target, setCookie } = match
    const mount = mountPath(request)
    const ownPath = match.ownPath === undefined ? undefined : mount + match.ownPath
    return { target, clientTarget: mount + head.target, ownPath, setCookie, onCut }
  }

  /** Answers with an error, unless the host does. */
  async #refuse(request: GatewayRequest, response: GatewayResponse, cause: unknown): Promise<void> {
    const error = asAlcoveError(cause)
    if (error instanceof HookFailedError) this.manager.reportProblem(error)
    if (response.headersSent) {
      response.destroy()
      return
    }
    await this.#tell(error, request, response)
    // The host has answered, or is about to.
    if (response.headersSent || response.writableEnded) return
    const answer = errorAnswer(request, cause, this.#showLogs)
    response.statusCode = answer.status
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
    this.#end(request, response, answer.body)
  }

  /** Never rejects. */
  async #tell(
    error: AlcoveError,
    request: GatewayRequest,
    response: GatewayResponse,
  ): Promise<void> {
    try {
      await this.#onError?.(error, request, response)
    } catch (cause) {
      this.manager.reportProblem(new HookFailedError('`onError` failed', { cause }))
    }
  }

  #end(request: GatewayRequest, response: GatewayResponse, body: string): void {
    // What of the body was not read would have to be read to the end before the next request.
    const unread = request.httpVersionMajor === 1 && !request.complete
    if (unread || isFaultyFraming(request)) response.setHeader('connection', 'close')
    response.setHeader('content-length', Buffer.byteLength(body))
    ;(response as { end(body?: string): unknown }).end(request.method === 'HEAD' ? undefined : body)
    if (isHttp2Response(response) && !request.complete) needsNoMore(response)
  }

  #attachTo(request: GatewayRequest): void {
    if (request.httpVersionMajor !== 1) return
    const { server } = request.socket as { readonly server?: UpgradableServer }
    if (!server) return
    if (!this.#attached.has(server)) this.attach(server)
    this.#attached.get(server)?.mounts.learn(mountPath(request))
  }
}

function asAlcoveError(error: unknown): AlcoveError {
  if (error instanceof AlcoveError) return error
  return new HookFailedError('A request could not be answered', { cause: error })
}
