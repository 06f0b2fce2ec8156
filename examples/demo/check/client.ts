import { on } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'

/** An answer, as a whole. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A client of the gateway that names environments as a browser does, by their hosts. */
export class Client {
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** Over a connection of its own. */
  get(id: string, path: string, signal: AbortSignal): Promise<Answer> {
    const port = this.#port
    return new Promise((resolve, reject) => {
      request(
        // Not every system knows *.localhost.
        { host: '127.0.0.1', port, path, headers: { host: this.#host(id) }, agent: false, signal },
        (response) => {
          const { statusCode: status = 0, headers } = response
          text(response).then((body) => resolve({ status, headers, body }), reject)
        },
      )
        .once('error', reject)
        .end()
    })
  }

  /** Resolves when Vite has said hello. */
  async openViteSocket(id: string, signal: AbortSignal): Promise<ViteSocket> {
    const { body } = await this.get(id, '/@vite/client', signal)
    const token = /wsToken = "(?<token>[^"]+)"/.exec(body)?.groups?.['token']
    if (token === undefined) throw new Error('Vite serves a client without a token')
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/?token=${token}`, 'vite-hmr', {
      headers: { host: this.#host(id) },
      origin: `http://${this.#host(id)}`,
      handshakeTimeout: 10_000,
    })
    const vite = new ViteSocket(socket)
    await vite.next(({ type }) => type === 'connected')
    return vite
  }

  #host(id: string): string {
    return `${id}.localhost:${this.#port}`
  }
}

/** A message of Vite: https://vite.dev/guide/api-hmr */
export interface ViteMessage {
  readonly type: string
  readonly updates?: readonly { readonly type: string; readonly acceptedPath: string }[]
}

/** A WebSocket to Vite, as its client in a page has one. */
export class ViteSocket {
  readonly #socket: WebSocket
  readonly #messages: AsyncIterator<unknown[]>

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.#messages = on(socket, 'message', { close: ['close'] }) as AsyncIterator<unknown[]>
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Resolves to the next message that fits. */
  async next(fits: (message: ViteMessage) => boolean): Promise<ViteMessage> {
    for (;;) {
      const next = await this.#messages.next()
      if (next.done === true) throw new Error('the WebSocket to Vite was closed')
      const message = JSON.parse(String(next.value[0])) as ViteMessage
      if (fits(message)) return message
    }
  }

  close(): void {
    this.#socket.terminate()
  }
}
