import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import type { LoadReport } from '../admission/load-report.js'
import type { Place } from '../admission/place.js'
import type { EnvironmentId } from '../environment/id.js'
import {
  type AlcoveError,
  ClosedError,
  EnvironmentNotFoundError,
  RouteRejectedError,
  UpstreamConnectError,
  UpstreamConnectTimeoutError,
} from '../errors.js'
import { release } from '../forwarding/bare-response.js'
import { Forwarder } from '../forwarding/forwarder.js'
import { clientIsGone, knowsHttp11 } from '../forwarding/messages.js'
import type { ForwardTarget } from '../forwarding/passage.js'
import type { Lease } from '../instance/lease.js'
import { LimitError } from '../limit-errors.js'
import { EnvironmentManager } from '../manager/manager.js'
import { asRouter, type Route } from '../routing/as-router.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import { acquireAgain, acquireFor } from './acquire.js'
import { attachUpgrades, type UpgradableServer, type Upgrade, upgradeOf } from './attachment.js'
import { askHost, assertMayStart, type Authorize, type CrossSiteStarts } from './authorization.js'
import { Entrance, heldBytes } from './entrance.js'
import { type EnvironmentPort, EnvironmentPorts } from './environment-ports.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'
import { mountPath, Mounts } from './mounts.js'
import { type GatewayOptions, type SharedManagerOptions, splitOptions } from './options.js'
import { OwnAnswers } from './own-answers.js'
import { HeadOfRequest } from './request-head.js'

/** Takes each request on its way: route, authorize, acquire, forward, release. */
export class Doorman {
  readonly manager: EnvironmentManager
  readonly #ownsManager: boolean
  readonly #forwarder: Forwarder
  readonly #admission: Admission
  readonly #entrance: Entrance
  readonly #ports = new EnvironmentPorts({
    request: (request, response) => this.request(request, response, undefined),
    attach: (server) => this.attach(server),
    detach: (server) => this.#detach(server),
  })
  readonly #route: Route
  readonly #authorize: Authorize | undefined
  readonly #crossSiteStarts: CrossSiteStarts
  readonly #answers: OwnAnswers
  readonly #attached = new Map<UpgradableServer, { readonly mounts: Mounts; detach(): void }>()
  readonly #forget: () => void
  #closed: Promise<void> | undefined

  constructor(options: GatewayOptions | SharedManagerOptions, where: string) {
    const { own, admission, forwarding, forManager } = splitOptions(options, where)
    const { router, authorize, crossSiteStarts, showLogs, onError } = own
    this.#ownsManager = !(forManager instanceof EnvironmentManager)
    this.manager =
      forManager instanceof EnvironmentManager ? forManager : new EnvironmentManager(forManager)
    this.#admission = new Admission(admission, this.manager.clock)
    this.#entrance = new Entrance(this.#admission, this.manager.clock)
    this.#route = asRouter(router)
    this.#authorize = authorize
    this.#crossSiteStarts = crossSiteStarts ?? 'navigations'
    this.#answers = new OwnAnswers({
      showLogs: showLogs ?? false,
      onError,
      reportProblem: (error) => this.manager.reportProblem(error),
    })
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
    request: FrontRequest,
    response: FrontResponse,
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
        this.#answers.redirect(request, response, match.location)
      } else if (match.is === 'reject') {
        throw new RouteRejectedError(match.status, match.reason)
      } else {
        if (this.#closed) throw new ClosedError()
        const upgrade = upgradeOf(request)
        if (upgrade) {
          const plain = [request, response] as [IncomingMessage, ServerResponse]
          await this.#upgrade(...plain, upgrade, head, match)
          return
        }
        const to = this.#targetOf(request, head, match, (error) => {
          void this.#answers.tell(error, request, response)
        })
        await this.#visit(request, response, head, match, (lease, place) =>
          this.#forwarder.forward(request, response, lease, { ...to, watch: place }),
        )
      }
    } catch (error) {
      const unknown = error instanceof EnvironmentNotFoundError
      if (unknown && next && this.#isGuess(head)) next()
      else await this.#answers.refuse(request, response, error)
    }
  }

  attach(server: UpgradableServer): void {
    if (this.#attached.has(server) || this.#closed) return
    const mounts = new Mounts()
    const detach = attachUpgrades(server, {
      wants: (request) => this.#wantsUpgrade(mounts, request),
      take: (request, response) => void this.request(request, response, undefined),
    })
    this.#attached.set(server, { mounts, detach })
  }

  async listenFor(
    id: EnvironmentId,
    { port = 0, host = '127.0.0.1' }: { readonly port?: number; readonly host?: string },
  ): Promise<EnvironmentPort> {
    if (this.#closed) throw new ClosedError()
    return this.#ports.listenFor(id, port, host)
  }

  close(how: { readonly drainMs?: number }): Promise<void> {
    this.#closed ??= this.#close(how)
    return this.#closed
  }

  async #close(how: { readonly drainMs?: number }): Promise<void> {
    for (const server of this.#attached.keys()) this.#detach(server)
    if (this.#ownsManager) await this.manager.close(how)
    this.#admission.close()
    await this.#ports.close()
    this.#forget()
    await this.#forwarder.close()
  }

  #detach(server: UpgradableServer): void {
    this.#attached.get(server)?.detach()
    this.#attached.delete(server)
  }

  #match(head: RequestHead): ReturnType<Route> {
    return this.#ports.router.route(head) ?? this.#route(head)
  }

  #isGuess(head: RequestHead): boolean {
    const match = this.#match(head)
    return match?.is === 'environment' && match.orNext === true
  }

  /** Whether an upgrade is for an environment; one whose route can't be told is taken, to be told so. */
  #wantsUpgrade(mounts: Mounts, request: IncomingMessage): boolean {
    if (!isWebSocket(request) || !mounts.enter(request)) return false
    try {
      return this.#match(new HeadOfRequest(request))?.is === 'environment'
    } catch {
      return true
    } finally {
      mounts.leave(request)
    }
  }

  /** Passes an upgrade on over its bare connection; where that fails, the response has it again. */
  async #upgrade(
    request: IncomingMessage,
    response: ServerResponse,
    { socket, early }: Upgrade,
    head: RequestHead,
    match: EnvironmentMatch,
  ): Promise<void> {
    const to = this.#targetOf(request, head, match, undefined)
    release(response)
    try {
      await this.#visit(request, socket, head, match, (lease, place) =>
        this.#forwarder.upgrade(request, socket, early, lease, { ...to, watch: place }),
      )
      // Whoever left while it waited may have closed its own side only.
      if (socket.readableEnded) socket.destroy()
      // What the host has put before the gateway may wait for it.
      response.emit('close')
    } catch (error) {
      if (!socket.destroyed) response.assignSocket(socket as Socket)
      throw error
    }
  }

  /** What the gateway has to do at the moment. */
  load(): LoadReport {
    return this.#admission.report()
  }

  /** Takes a request in, as admission lets it. */
  async #visit(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    use: Use,
  ): Promise<void> {
    const admission = this.#admission
    const line = admission.arrive(match.id)
    try {
      admission.assertNotOverloaded(line)
      const owner = this.#authorize && (await askHost(this.#authorize, request, match))
      admission.assertRate(line)
      if (owner !== undefined) admission.assertOwnerRate(line, owner)
      await this.#use(request, client, head, match, line, owner, use)
    } catch (error) {
      if (!(error instanceof LimitError)) throw error
      if (await this.#entrance.holdBack(request, client, line, error)) throw error
    } finally {
      admission.depart(line)
    }
  }

  /** Gets a lease and a place, and has them used; where nothing could be connected to, the environment is looked at, and asked once more. */
  async #use(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    line: Line,
    owner: string | undefined,
    use: Use,
  ): Promise<void> {
    let refused: UpstreamConnectError | undefined
    let counted = owner !== undefined
    for (;;) {
      const lease =
        this.manager.acquireReady(match.id) ??
        // eslint-disable-next-line no-await-in-loop -- the second attempt depends on the first
        (await this.#wait(request, client, head, match, line, owner, refused))
      if (!lease) return
      let place: Place | undefined
      try {
        if (!counted) this.#assertOwnerRate(line)
        counted = true
        const entered = this.#entrance.enter(request, client, line, lease)
        // eslint-disable-next-line no-await-in-loop -- as above
        place = entered instanceof Promise ? await entered : entered
        if (!place) {
          if (isGone(request, client)) return
          continue
        }
        // eslint-disable-next-line no-await-in-loop -- as above
        await use(lease, place)
        return
      } catch (error) {
        if (error instanceof UpstreamConnectTimeoutError) {
          // No second attempt: it would wait as long.
          this.manager.reportUnreachable(lease)
          throw error
        }
        if (!(error instanceof UpstreamConnectError)) throw error
        this.manager.reportUnreachable(lease)
        if (refused) throw error
        refused = error
      } finally {
        place?.release()
        lease.release()
      }
    }
  }

  /** Of an environment that runs, the owner is known even where the host names none. */
  #assertOwnerRate(line: Line): void {
    if (!this.#admission.limitsOwners) return
    const owner = this.manager.ownerOf(line.id)
    if (owner !== undefined) this.#admission.assertOwnerRate(line, owner)
  }

  async #wait(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    line: Line,
    owner: string | undefined,
    refused: UpstreamConnectError | undefined,
  ): Promise<Lease | undefined> {
    const state = this.manager.get(match.id)?.state ?? 'stopped'
    // One that is going down would be started again for it.
    if (state === 'stopped' || state === 'failed' || state === 'stopping') {
      assertMayStart(head, match.id, this.#crossSiteStarts)
    }
    const how = {
      ...(owner !== undefined && { owner }),
      ...(match.template !== undefined && { template: match.template }),
      ...(match.wake !== undefined && { wake: match.wake }),
    }
    const left = new AbortController()
    const held = this.#admission.waitForStart(line, heldBytes(request), (error) =>
      left.abort(error),
    )
    try {
      return await (refused
        ? acquireAgain(client, this.manager, match.id, how, refused, undefined, left)
        : acquireFor(client, this.manager, match.id, how, left))
    } finally {
      held.release()
    }
  }

  #targetOf(
    request: FrontRequest,
    head: RequestHead,
    match: EnvironmentMatch,
    onCut: ((error: AlcoveError) => void) | undefined,
  ): ForwardTarget {
    const { target = head.target, setCookie } = match
    const mount = mountPath(request)
    const ownPath = match.ownPath === undefined ? undefined : mount + match.ownPath
    return { target, clientTarget: mount + head.target, ownPath, setCookie, onCut }
  }

  #attachTo(request: FrontRequest): void {
    if (request.httpVersionMajor !== 1) return
    const { server } = request.socket as { readonly server?: UpgradableServer }
    if (!server) return
    if (!this.#attached.has(server)) this.attach(server)
    this.#attached.get(server)?.mounts.learn(mountPath(request))
  }
}

/** Has a lease and a place used; both are released afterwards. */
type Use = (lease: Lease, place: Place) => Promise<void>

function isGone(request: FrontRequest, client: FrontResponse | Duplex): boolean {
  return 'req' in client ? clientIsGone(request, client) : client.destroyed
}

/**
 * Whether a request is a WebSocket's handshake (RFC 6455 §4.1). Any other offer is for the gateway to ignore (RFC 9110 §7.8), and the
 * request one like any other.
 */
function isWebSocket(request: IncomingMessage): boolean {
  const { headers, method } = request
  return (
    method === 'GET' &&
    /^websocket$/i.test(headers.upgrade ?? '') &&
    headers['sec-websocket-key'] !== undefined &&
    knowsHttp11(request)
  )
}
