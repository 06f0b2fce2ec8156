import type { Duplex } from 'node:stream'
import type { Lease } from '../instance/lease.js'
import { type Side, WebSocketActivity } from './websocket-activity.js'

/** How long the second side of a connection may take to end after the first. */
const lingerMs = 10_000

// Close, 1001 "going away" (RFC 6455 §5.5.1, §7.4.1); what comes as from a client has to be masked, and a mask may be zero.
const closeToClient = Buffer.from([0x88, 0x02, 0x03, 0xe9])
const closeToServer = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9])

/** An upgraded connection: bytes pass both ways until either side ends. */
export class Tunnel {
  readonly ended: Promise<void>
  readonly #fromClient = new WebSocketActivity('client')
  readonly #fromServer = new WebSocketActivity('server')
  #resolve: () => void = () => {}
  #open = 2
  #linger: NodeJS.Timeout | undefined

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
    lease.become('upgrade')
    this.#pump(upstream, client, 'server')
    this.#pump(client, upstream, 'client')
    if (head.length > 0) {
      if (this.#fromClient.sees(head)) lease.touch()
      upstream.write(head)
    }
    lease.onRevoke((why) => {
      if (why === 'gone') this.destroy()
      else this.end()
    })
  }

  /** Ends it as an endpoint that goes away would, where the stream of frames allows to say so. */
  end(): void {
    if (this.#open < 2 || this.#linger) return
    if (this.#fromServer.betweenFrames) this.client.write(closeToClient)
    if (this.#fromClient.betweenFrames) this.upstream.write(closeToServer)
    this.client.end()
    this.upstream.end()
    this.#lingerFor(revokedLingerMs)
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
      if (to.writableEnded || to.destroyed) return
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => {
      to.end()
      this.#lingerFor(lingerMs)
    })
    from.on('close', () => {
      this.#open -= 1
      if (from.readableEnded && !from.errored) {
        // What is still on its way to the other side may arrive.
        to.end()
        this.#lingerFor(lingerMs)
      } else {
        to.destroy()
      }
      if (this.#open === 0) {
        clearTimeout(this.#linger)
        this.#resolve()
      }
    })
    if (from.destroyed) from.emit('close')
    else from.resume()
  }

  #lingerFor(ms: number): void {
    this.#linger ??= setTimeout(() => this.destroy(), ms).unref()
  }
}

/** How long both sides may take to close once they were told to. */
const revokedLingerMs = 1000
