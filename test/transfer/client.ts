import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { Readable, Writable } from 'node:stream'
import { mebibyte } from './content.ts'

/** What clients speak to a gateway. */
export type Front = 'http1' | 'http2'

// As Chromium has them (its kSpdyStreamMaxRecvWindowSize and kSpdySessionMaxRecvWindowSize): with Node.js's own 64 KiB it would
// not be the gateway's doing that little is on its way.
const streamWindowBytes = 6 * mebibyte
const sessionWindowBytes = 15 * mebibyte

/** A request under way. */
export interface Exchange {
  readonly up: Writable
  readonly down: Promise<Readable>
}

/** A client that keeps its connection; over HTTP/1.1 one for each request at a time. */
export class Client implements AsyncDisposable {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #session: ClientHttp2Session | undefined

  private constructor(port: number, session: ClientHttp2Session | undefined) {
    this.#port = port
    this.#session = session
  }

  static async to(front: Front, port: number): Promise<Client> {
    if (front === 'http1') return new Client(port, undefined)
    const session = connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: streamWindowBytes },
    })
    session.on('error', () => {})
    await once(session, 'connect')
    session.setLocalWindowSize(sessionWindowBytes)
    return new Client(port, session)
  }

  request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string | number>> = {},
  ): Exchange {
    if (this.#session) {
      const stream = this.#session.request(
        { ':method': method, ':path': path, ...headers },
        { endStream: method === 'GET' },
      )
      stream.on('error', () => {})
      return { up: stream, down: once(stream, 'response').then(() => stream) }
    }
    const up = request({
      host: '127.0.0.1',
      port: this.#port,
      agent: this.#agent,
      method,
      path,
      headers,
    })
    up.on('error', () => {})
    return { up, down: once(up, 'response').then(([response]) => response as IncomingMessage) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
    if (!this.#session || this.#session.closed) return
    const closed = once(this.#session, 'close')
    this.#session.destroy()
    await closed
  }
}
