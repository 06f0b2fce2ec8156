import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Place } from '../admission/place.js'
import type { EarlyBytes } from '../forwarding/early-bytes.js'
import type { Forwarder } from '../forwarding/forwarder.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'
import type { ForwardTarget } from '../forwarding/passage.js'
import type { Lease } from '../instance/lease.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import { Visit, type VisitHost } from './visit.js'

/** Told once how a visit ended: with the error to answer with, or without where nothing is left to be said. */
export type VisitEnd = (error?: unknown) => void

/** The visit of a request that is forwarded. */
export class RequestVisit extends Visit {
  constructor(
    host: VisitHost,
    request: FrontRequest,
    private readonly response: FrontResponse,
    head: RequestHead,
    match: EnvironmentMatch,
    private readonly forwarder: Forwarder,
    private readonly to: ForwardTarget,
    protected override readonly end: VisitEnd,
  ) {
    super(host, request, response, head, match)
  }

  protected override use(lease: Lease, place: Place): void {
    this.to.watch = place
    this.forwarder.pass(this.request, this.response, lease, this.to, this)
  }
}

/** The visit of a WebSocket's handshake, and of the tunnel behind it. */
export class UpgradeVisit extends Visit {
  constructor(
    host: VisitHost,
    private readonly handshake: IncomingMessage,
    private readonly socket: Duplex,
    head: RequestHead,
    match: EnvironmentMatch,
    private readonly forwarder: Forwarder,
    private readonly early: EarlyBytes,
    private readonly to: ForwardTarget,
    protected override readonly end: VisitEnd,
  ) {
    super(host, handshake, socket, head, match)
  }

  protected override use(lease: Lease, place: Place): void {
    const { handshake, socket, early, to } = this
    to.watch = place
    this.forwarder.upgrade(handshake, socket, early, lease, to).then(
      () => this.done(),
      (error: unknown) => this.failed(error),
    )
  }
}
