import {
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  createServer,
} from 'node:http'
import {
  type ClientHttp2Session,
  type Http2Server,
  connect as connectHttp2,
  createServer as createHttp2Server,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { AlcoveError } from '../../errors.js'
import { EarlyBytes } from '../early-bytes.js'
import { Forwarder } from '../forwarder.js'
import type { ForwarderOptions } from '../forwarder-options.js'
import type { ForwardTarget } from '../passage.js'
import type { FrontRequest, FrontResponse } from '../messages.js'
import { FakeLease } from './fake-lease.js'
import type { RawUpstream } from './raw-upstream.js'
import { Wire } from './wire.js'

/** What a front does beside forwarding. */
export interface FrontOptions extends ForwarderOptions {
  readonly http2?: boolean
  /** Settings of the server in front. */
  readonly server?: ServerOptions
  readonly to?: Partial<ForwardTarget>
  /** Before each request is forwarded, as a host's middleware would. */
  readonly before?: (request: FrontRequest, response: FrontResponse) => void | Promise<void>
  readonly beforeAttempt?: () => void
  /** How often a request is tried again after a connection that failed. */
  readonly tries?: number
}

/** A gateway of the least kind: one forwarder, one lease, errors as plain answers. */
export class Front implements AsyncDisposable {
  readonly forwarder: Forwarder
  readonly lease: FakeLease
  readonly errors: AlcoveError[] = []
  /** One for each request or upgrade, which settles when it has been dealt with. */
  readonly done: Promise<void>[] = []
  readonly server: Server | Http2Server
  readonly #options: FrontOptions
  readonly #sessions: ClientHttp2Session[] = []
  readonly #sockets = new Set<Duplex>()
  port = 0
  /** What is done with an upgrade, where it is not the usual. */
  onUpgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>) | undefined

  static async listen(
    upstream: RawUpstream | FakeLease,
    options: FrontOptions = {},
  ): Promise<Front> {
    const front = new Front(
      upstream instanceof FakeLease ? upstream : new FakeLease(upstream.endpoint),
      options,
    )
    await new Promise<void>((resolve) => front.server.listen(0, '127.0.0.1', resolve))
    const address = front.server.address()
    if (typeof address !== 'object' || address === null) throw new Error('no address')
    front.port = address.port
    return front
  }

  private constructor(lease: FakeLease, options: FrontOptions) {
    const {
      http2,
      server = {},
      to: _to,
      before: _before,
      tries: _tries,
      beforeAttempt: _beforeAttempt,
      ...forwarderOptions
    } = options
    this.forwarder = new Forwarder(forwarderOptions)
    this.lease = lease
    this.#options = options
    const handle = (request: FrontRequest, response: FrontResponse): void => {
      this.done.push(this.#forward(request, response))
    }
    this.server = http2
      ? createHttp2Server(handle) // Where a connection ends, it is not because nobody used it.
      : createServer({ keepAliveTimeout: 0, ...server }, handle)
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const upgrade = this.onUpgrade ?? this.#upgrade.bind(this)
      this.done.push(upgrade(request, socket, head))
    })
    this.server.on('connection', (socket: Duplex) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** A raw client's connection. */
  client(how?: { readonly read?: boolean }): Promise<Wire> {
    return Wire.connect(this.port, how)
  }

  /** A client's connection over HTTP/2. */
  session(): ClientHttp2Session {
    const session = connectHttp2(`http://127.0.0.1:${this.port}`)
    this.#sessions.push(session)
    return session
  }

  /** Connections of clients that are open. */
  get openSockets(): ReadonlySet<Duplex> {
    return this.#sockets
  }

  async #forward(request: FrontRequest, response: FrontResponse): Promise<void> {
    await this.#options.before?.(request, response)
    const to = { target: request.url ?? '/', ...this.#options.to }
    for (let left = this.#options.tries ?? 1; left > 0; left -= 1) {
      this.#options.beforeAttempt?.()
      try {
        await this.forwarder.forward(request, response, this.lease, to)
        return
      } catch (error) {
        const known = this.#note(error)
        if (left > 1 && known.code === 'ALCOVE_UPSTREAM_CONNECT') continue
        ;(response as ServerResponse)
          .writeHead(known.status, { 'content-type': 'text/plain' })
          .end(known.code)
      }
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const to = { target: request.url ?? '/', ...this.#options.to }
      const early = new EarlyBytes(socket, head)
      await this.forwarder.upgrade(request, socket, early, this.lease, to)
    } catch (error) {
      const { status, code } = this.#note(error)
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: ${code.length}\r\n\r\n${code}`,
      )
    }
  }

  #note(error: unknown): AlcoveError {
    if (!(error instanceof AlcoveError)) throw error
    this.errors.push(error)
    return error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
    await this.forwarder.close()
    await Promise.allSettled(this.done)
  }
}
