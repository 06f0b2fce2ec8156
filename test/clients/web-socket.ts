import { type ClientOptions, type RawData, WebSocket } from 'ws'
import { Feed } from './feed.ts'
import type { Host } from './host.ts'

/** How a WebSocket ended, as its client sees it. */
export interface Closure {
  readonly code: number
  readonly reason: string
}

/** A client of the package `ws`, whose messages are taken one by one. */
export class Client {
  readonly texts = new Feed<string>()
  readonly binaries = new Feed<Buffer>()
  readonly pings = new Feed<string>()
  readonly pongs = new Feed<string>()
  readonly closed: Promise<Closure>
  /** Fails where the handshake does. */
  readonly open: Promise<this>

  constructor(readonly socket: WebSocket) {
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: RawData, isBinary) => {
      if (isBinary) this.binaries.push(data as Buffer)
      else this.texts.push((data as Buffer).toString())
    })
    socket.on('ping', (data) => this.pings.push(String(data)))
    socket.on('pong', (data) => this.pongs.push(String(data)))
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    })
    this.open = new Promise((resolve, reject) => {
      socket.once('open', () => resolve(this))
      socket.on('error', reject)
    })
    // A test that waits for the end alone must not fail for it.
    this.open.catch(() => {})
  }

  /** Starts a handshake with an environment. */
  static dial(
    host: Host,
    id: string,
    how: ClientOptions & { readonly path?: string; readonly protocols?: string[] } = {},
  ): Client {
    const { path = '/', protocols = [], ...options } = how
    const socket = new WebSocket(host.url(path, 'ws'), protocols, {
      headers: { 'x-env-id': id },
      // The tests' certificate is of nobody.
      rejectUnauthorized: false,
      perMessageDeflate: false,
      ...options,
    })
    return new Client(socket)
  }

  async echo(text: string): Promise<string> {
    this.socket.send(text)
    return this.texts.next()
  }
}
