import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { WebSocket } from 'ws'
import { domain } from './gateway.ts'

/** A client that trusts one authority, and asks environments at their names. */
export class Client {
  readonly #port: number
  readonly #ca: string

  constructor(port: number, ca: string) {
    this.#port = port
    this.#ca = ca
  }

  /** Over HTTP/2. @returns status and body */
  async get(id: string): Promise<readonly [number | undefined, string]> {
    const socket = connect({ ...this.#way(id), ALPNProtocols: ['h2'] })
    const session = connectHttp2(`https://${id}.${domain}`, { createConnection: () => socket })
    try {
      const stream = session.request({ ':authority': this.#host(id), ':path': '/' })
      const [head] = (await once(stream, 'response')) as [{ readonly ':status'?: number }]
      return [head[':status'], await text(stream)]
    } finally {
      session.destroy()
    }
  }

  /** Over HTTP/1.1. @returns status and body */
  getHttp1(id: string): Promise<readonly [number | undefined, string]> {
    const headers = { host: this.#host(id) }
    return new Promise((resolve, reject) => {
      request({ ...this.#way(id), agent: false, headers }, (response) => {
        text(response).then((body) => resolve([response.statusCode, body]), reject)
      })
        .once('error', reject)
        .end()
    })
  }

  /** Over a WebSocket. @returns what comes back */
  async send(id: string, message: string): Promise<string> {
    const options = { ...this.#way(id), headers: { host: this.#host(id) } }
    const socket = new WebSocket(`wss://127.0.0.1:${this.#port}`, options)
    try {
      await once(socket, 'open')
      socket.send(message)
      const [answer] = (await once(socket, 'message')) as [Buffer]
      return answer.toString()
    } finally {
      socket.terminate()
    }
  }

  /** Not every system knows *.localhost. */
  #way(id: string) {
    return { host: '127.0.0.1', port: this.#port, servername: `${id}.${domain}`, ca: this.#ca }
  }

  #host(id: string): string {
    return `${id}.${domain}:${this.#port}`
  }
}
