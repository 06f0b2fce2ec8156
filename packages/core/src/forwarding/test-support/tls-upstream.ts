import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls'
import { serverCertificate } from '../../environment/certificates.fixture.js'
import type { Endpoint, EndpointTls } from '../../environment/endpoint.js'
import { Wire } from './wire.js'

/** How an environment with TLS is reached: `duplex` is dialled too, and is no socket. */
export type TlsTransport = 'tcp' | 'unix' | 'dial' | 'duplex'

/** A connection whose handshake was done. */
export interface TlsConnection {
  readonly wire: Wire
  readonly socket: TLSSocket
  /** It has taken up the session of an earlier one. */
  readonly reused: boolean
}

/** An environment made of nothing but a TLS socket: for env.test, where nothing else is said. */
export class TlsUpstream implements AsyncDisposable {
  readonly connections: TlsConnection[] = []
  readonly #server
  readonly #sockets = new Set<Socket>()
  readonly #waiting: ((connection: TlsConnection) => void)[] = []
  /** Why handshakes failed. */
  readonly failures: (string | undefined)[] = []
  accepted = 0
  #folder: string | undefined

  private constructor(
    private readonly transport: TlsTransport,
    options: TlsOptions,
  ) {
    this.#server = createServer({ ...serverCertificate, ...options }, (socket) => {
      const connection = { wire: new Wire(socket), socket, reused: socket.isSessionReused() }
      const next = this.#waiting.shift()
      if (next) next(connection)
      else this.connections.push(connection)
    })
    this.#server.on('connection', (socket: Socket) => {
      this.accepted += 1
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
      this.failures.push(error.code)
    })
  }

  static async listen(transport: TlsTransport, options: TlsOptions = {}): Promise<TlsUpstream> {
    const upstream = new TlsUpstream(transport, options)
    if (transport === 'unix') upstream.#folder = await mkdtemp(join(tmpdir(), 'alcove-test-'))
    const where = upstream.#folder
      ? { path: join(upstream.#folder, 's') }
      : { host: '127.0.0.1', port: 0 }
    await new Promise<void>((resolve) => upstream.#server.listen(where, resolve))
    return upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  endpoint(tls: EndpointTls = { serverName: 'env.test' }): Endpoint {
    switch (this.transport) {
      case 'tcp':
        return { kind: 'tcp', host: '127.0.0.1', port: this.port, tls }
      case 'unix':
        return { kind: 'unix', path: this.#server.address() as string, tls }
      default:
        return { kind: 'dial', tls }
    }
  }

  /** What its spawner would open. */
  async dial(): Promise<Duplex> {
    return dialled(this.port, this.transport)
  }

  /** The next connection that nobody has taken yet. */
  connection(): Promise<TlsConnection> {
    const connection = this.connections.shift()
    if (connection) return Promise.resolve(connection)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when every connection that it has accepted is closed. */
  async idle(): Promise<void> {
    await Promise.all(
      [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A connection to a port of loopback, as a spawner may open it. */
export function dialled(port: number, transport: TlsTransport): Duplex {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  return transport === 'duplex' ? Duplex.from({ readable: socket, writable: socket }) : socket
}
