import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Lease } from '../instance/lease.js'
import { type Side, WebSocketActivity } from './websocket-activity.js'

/** How long the second side of a connection may take to end after the first. */
const lingerMs = 10_000
/** How long both sides may take to close once they were told to. */
const toldLingerMs = 1000

// Close, 1001 "going away" (RFC 6455 §5.5.1, §7.4.1); what comes as from a client has to be masked, and a mask may be zero.
const closeToClient = Buffer.from([0x88, 0x02, 0x03, 0xe9])
const closeToServer = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9])

/** All upgraded connections, so that none outlives its forwarder. */
export class Tunnels {
  readonly #open = new Set<Tunnel>()

  /** A socket may fail at any moment, and somebody has to have listened: Node.js stops once it hands it over. */
  guard(socket: Duplex): void {
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
  }

  async run(tunnel: Tunnel): Promise<void> {
    this.#open.add(tunnel)
    await tunnel.ended
    this.#open.delete(tunnel)
  }

  close(): void {
    for (const tunnel of this.#open) tunnel.destroy()
  }
}

function ignore(): void {}

/** An upgraded connection: bytes pass both ways until either side ends. */
export class Tunnel {
  readonly ended: Promise<void>
  readonly #fromClient = new WebSocketActivity('client')
  readonly #fromServer = new WebSocketActivity('server')
  #resolve: () => void = () => {}
  #open = 2
  #told = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly client: Duplex,
    private readonly upstream: Duplex,
    private readonly lease: Lease,
  ) {
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** @param head - What the client has sent already. */
  start(head: Buffer): void {
    const { client, upstream, lease } = this
    // A host's time limits are for requests; forgotten tunnels are the lease's business.
    if ('setTimeout' in client) (client as Socket).setTimeout(0).setNoDelay(true)
    lease.become('upgrade')
    if (head.length > 0) {
      if (this.#fromClient.sees(head)) lease.touch()
      upstream.write(head)
    }
    this.#pump(upstream, client, 'server')
    this.#pump(client, upstream, 'client')
    lease.onRevoke((why) => {
      if (why === 'gone') this.destroy()
      else this.end()
    })
  }

  /** Ends it as an endpoint that goes away would, where the stream of frames allows to say so. */
  end(): void {
    if (this.#told) return
    this.#told = true
    const { client, upstream } = this
    if (client.writable && this.#fromServer.betweenFrames) client.write(closeToClient)
    if (upstream.writable && this.#fromClient.betweenFrames) upstream.write(closeToServer)
    client.end()
    upstream.end()
    this.#destroyIn(toldLingerMs)
  }

  destroy(): void {
    this.client.destroy()
    this.upstream.destroy()
  }

  #pump(from: Duplex, to: Duplex, side: Side): void {
    const activity = side === 'client' ? this.#fromClient : this.#fromServer
    const { lease } = this
    from.on('data', (chunk: Buffer) => {
      if (activity.sees(chunk)) lease.touch()
      if (to.writable && !to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    const onEnd = (): void => {
      to.end()
      this.#destroyIn(lingerMs)
    }
    if (from.readableEnded) onEnd()
    else from.on('end', onEnd)
    const onClose = (): void => {
      this.#open -= 1
      if (this.#open === 0) {
        clearTimeout(this.#timer)
        this.#resolve()
      } else if (from.readableEnded && !from.errored) {
        // What is still on its way to the other side may arrive.
        to.end()
        // Nothing that the other side says now goes anywhere, but its end has to be read.
        to.resume()
        this.#destroyIn(lingerMs)
      } else {
        to.destroy()
      }
    }
    if (from.closed) {
      onClose()
    } else {
      from.on('close', onClose)
      from.resume()
    }
  }

  #destroyIn(ms: number): void {
    if (this.#open === 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.destroy(), ms).unref()
  }
}
