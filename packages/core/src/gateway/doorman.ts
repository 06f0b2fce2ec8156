import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Admission } from '../admission/admission.js'
import type { LoadReport } from '../admission/load-report.js'
import type { EnvironmentId } from '../environment/id.js'
import { ClosedError, EnvironmentNotFoundError, RouteRejectedError } from '../errors.js'
import { release } from '../forwarding/bare-response.js'
import { Forwarder } from '../forwarding/forwarder.js'
import { knowsHttp11 } from '../forwarding/messages.js'
import type { ForwardTarget } from '../forwarding/passage.js'
import { EnvironmentManager } from '../manager/manager.js'
import { asRouter, type Route } from '../routing/as-router.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import { attachUpgrades, type UpgradableServer, type Upgrade, upgradeOf } from './attachment.js'
import { type EnvironmentPort, EnvironmentPorts } from './environment-ports.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'
import { mountPath, Mounts } from './mounts.js'
import { type GatewayOptions, type SharedManagerOptions, splitOptions } from './options.js'
import { OwnAnswers } from './own-answers.js'
import { HeadOfRequest } from './request-head.js'
import { RequestVisit, UpgradeVisit } from './request-visit.js'
import type { VisitHost } from './visit.js'
import { wakesByDefault } from './waking.js'

/** Takes each request on its way: route, authorize, acquire, forward, release. */
export class Doorman {
  readonly manager: EnvironmentManager
  readonly #ownsManager: boolean
  readonly #forwarder: Forwarder
  readonly #admission: Admission
  readonly #host: VisitHost
  readonly #ports = new EnvironmentPorts({
    request: (request, response) => this.request(request, response, undefined),
    attach: (server) => this.attach(server),
    detach: (server) => this.#detach(server),
  })
  readonly #route: Route
  readonly #answers: OwnAnswers
  readonly #attached = new Map<UpgradableServer, { readonly mounts: Mounts; detach(): void }>()
  readonly #forget: () => void
  #closed: Promise<void> | undefined

  constructor(options: GatewayOptions | SharedManagerOptions, where: string) {
    const { own, admission, forwarding, forManager } = splitOptions(options, where)
    const { router, authorize, crossSiteStarts, shouldWake, showLogs, onError } = own
    this.#ownsManager = !(forManager instanceof EnvironmentManager)
    this.manager =
      forManager instanceof EnvironmentManager ? forManager : new EnvironmentManager(forManager)
    this.#admission = new Admission(admission, this.manager.clock)
    this.#route = asRouter(router)
    this.#host = {
      manager: this.manager,
      admission: this.#admission,
      authorize,
      crossSiteStarts: crossSiteStarts ?? 'navigations',
      shouldWake: shouldWake ?? wakesByDefault,
    }
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
      // Once thawed, it may close connections that it has not used for so long.
      if (to === 'stopped' || to === 'failed' || to === 'suspending') {
        this.#forwarder.drop(id, generation)
      }
    }
    this.manager.on('transition', drop)
    this.#forget = () => this.manager.off('transition', drop)
  }

  /** Never rejects. */
  request(
    request: FrontRequest,
    response: FrontResponse,
    next: (() => void) | undefined,
  ): Promise<void> {
    this.#attachTo(request)
    const head = new HeadOfRequest(request)
    try {
      const match = this.#match(head)
      if (match === undefined) {
        if (!next) throw new RouteRejectedError(404, 'This request names no environment')
        next()
      } else if (match.is === 'redirect') {
        this.#answers.redirect(request, response, match.location)
      } else if (match.is === 'reject') {
        throw new RouteRejectedError(match.status, match.reason)
      } else {
        if (this.#closed) throw new ClosedError()
        return this.#take(request, response, head, match, next)
      }
      return Promise.resolve()
    } catch (error) {
      return this.#refuse(request, response, error, head, next)
    }
  }

  /** Takes a request to its environment. */
  #take(
    request: FrontRequest,
    response: FrontResponse,
    head: RequestHead,
    match: EnvironmentMatch,
    next: (() => void) | undefined,
  ): Promise<void> {
    const upgrade = upgradeOf(request)
    if (upgrade) {
      const [asked, answer] = [request, response] as [IncomingMessage, ServerResponse]
      return this.#upgrade(asked, answer, upgrade, head, match).catch((error: unknown) =>
        this.#refuse(request, response, error, head, next),
      )
    }
    const to = this.#targetOf(request, head, match)
    if (this.#answers.tells) to.onCut = (error) => void this.#answers.tell(error, request, response)
    return new Promise((resolve) => {
      const end = (error?: unknown): void => {
        if (error === undefined) resolve()
        else void this.#refuse(request, response, error, head, next).then(resolve)
      }
      new RequestVisit(this.#host, request, response, head, match, this.#forwarder, to, end).begin()
    })
  }

  #refuse(
    request: FrontRequest,
    response: FrontResponse,
    error: unknown,
    head: RequestHead,
    next: (() => void) | undefined,
  ): Promise<void> {
    if (!(error instanceof EnvironmentNotFoundError) || !next || !this.#isGuess(head)) {
      return this.#answers.refuse(request, response, error)
    }
    next()
    return Promise.resolve()
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
    const to = this.#targetOf(request, head, match)
    release(response)
    try {
      await new Promise<void>((resolve, reject) => {
        const end = (error?: unknown): void => {
          if (error === undefined) resolve()
          else
            reject(error instanceof Error ? error : new Error('A visit failed', { cause: error }))
        }
        new UpgradeVisit(
          this.#host,
          request,
          socket,
          head,
          match,
          this.#forwarder,
          early,
          to,
          end,
        ).begin()
      })
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

  #targetOf(request: FrontRequest, head: RequestHead, match: EnvironmentMatch): ForwardTarget {
    const { target = head.target, setCookie } = match
    const mount = mountPath(request)
    const ownPath = match.ownPath === undefined ? undefined : mount + match.ownPath
    const clientTarget = mount + head.target
    return { target, clientTarget, ownPath, setCookie, onCut: undefined, watch: undefined }
  }

  #attachTo(request: FrontRequest): void {
    if (request.httpVersionMajor !== 1) return
    const { server } = request.socket as { readonly server?: UpgradableServer }
    if (!server) return
    if (!this.#attached.has(server)) this.attach(server)
    this.#attached.get(server)?.mounts.learn(mountPath(request))
  }
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
