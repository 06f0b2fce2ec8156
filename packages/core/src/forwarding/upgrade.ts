import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type AlcoveError, UpstreamBrokenError, quote } from '../errors.js'
import type { Lease } from '../instance/lease.js'
import type { Origin } from './forwarded.js'
import type { EndpointPool } from './pools.js'
import type { RequestFields } from './request-headers.js'
import { Answer } from './response.js'
import { responseFields } from './response-headers.js'
import { Tunnel } from './tunnel.js'

/** All upgraded connections, so that none outlives its forwarder. */
export class Tunnels {
  readonly #open = new Set<Tunnel>()

  /** A socket may fail at any moment, and nobody has to have listened (Node.js stops listening once it hands it over). */
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

/** What an answer to an upgrade needs, beside the sockets. */
export interface HandshakeParts {
  readonly lease: Lease
  readonly pool: EndpointPool
  readonly options: Dispatcher.DispatchOptions
  readonly origin: Origin
  readonly fields: RequestFields
  readonly setCookie: readonly string[] | undefined
  resolve(): void
  reject(error: AlcoveError): void
}

/** Asks an environment for an upgrade: a tunnel where it agrees, and otherwise its answer, after which the connection ends. */
export class Handshake extends Answer {
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #tunnels: Tunnels
  readonly #setCookie: readonly string[] | undefined

  constructor(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    tunnels: Tunnels,
    parts: HandshakeParts,
  ) {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    const { lease, pool, options, origin, fields, setCookie, resolve, reject } = parts
    super(request, response, lease, pool, options, origin, fields, setCookie, resolve, reject)
    this.#socket = socket
    this.#head = head
    this.#tunnels = tunnels
    this.#setCookie = setCookie
    socket.on('readable', this.#onReadable)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onSocketDrain)
    response.on('finish', this.#onFinish)
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    upstream: Duplex,
  ): void {
    this.#tunnels.guard(upstream)
    if (this.over) {
      upstream.destroy()
      return
    }
    if (status !== 101 || String(headers['upgrade']).toLowerCase() !== 'websocket') {
      upstream.destroy()
      const reason = `Environment ${quote(this.lease.id)} changed to a protocol that nobody asked for`
      this.fail(new UpstreamBrokenError(reason, { id: this.lease.id }))
      return
    }
    const { flat } = responseFields(controller.rawHeaders as Buffer[], this.pool.own, this)
    for (const cookie of this.#setCookie ?? []) flat.push('Set-Cookie', cookie)
    let answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    for (let i = 0; i < flat.length; i += 2) answer += `${flat[i]}: ${flat[i + 1]}\r\n`
    this.detach()
    this.#socket.write(`${answer}\r\n`, 'latin1')
    const tunnel = new Tunnel(this.#socket, upstream, this.lease)
    void this.#tunnels.run(tunnel).then(this.resolve)
    tunnel.start(this.#head)
  }

  protected override detach(): void {
    super.detach()
    const socket = this.#socket
    socket.off('readable', this.#onReadable)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onSocketDrain)
    const response = this.response as ServerResponse
    response.off('finish', this.#onFinish)
    if (response.socket) response.detachSocket(response.socket)
  }

  // Nobody reads the socket yet, and an end that nobody reads goes unnoticed. Bytes are left where they are.
  readonly #onReadable = (): void => {
    if (this.#socket.readableLength === 0) this.#socket.read()
  }

  readonly #onEnd = (): void => {
    if (!this.over && !this.response.headersSent) this.#socket.destroy()
  }

  // The server that would pass it on has let go of the socket.
  readonly #onSocketDrain = (): void => {
    this.response.emit('drain')
  }

  readonly #onFinish = (): void => {
    const socket = this.#socket
    this.closed()
    socket.end()
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }
}

/** How long a client may take to close after its last answer. */
const lingerMs = 5000
