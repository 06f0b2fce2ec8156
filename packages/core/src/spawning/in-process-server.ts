import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Endpoint, maxSocketPathBytes } from '../environment/endpoint.js'
import { SpawnFailedError } from '../errors.js'
import { show } from '../option-check.js'

/** What an application within this process may be: a listener (an Express app, a Koa app's `callback()`), or a server. */
export type InProcessApp = RequestListener | Server

/** A server of an application within this process, on a socket or a port that nobody else has. */
export class InProcessServer {
  readonly endpoint: Endpoint
  /** Resolves when it has no connection any more and its socket is removed, whoever closed it. */
  readonly closed: Promise<void>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #closing = false

  /** @throws {@link SpawnFailedError} for what can't be served; nothing is left of it then. */
  static async listen(app: unknown, on: 'socket' | 'port'): Promise<InProcessServer> {
    const server = serverOf(app)
    if (on === 'port') {
      server.listen({ host: '127.0.0.1', port: 0 })
      await once(server, 'listening')
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      return new InProcessServer(server, { kind: 'tcp', host: '127.0.0.1', port }, undefined)
    }
    const prefix = join(tmpdir(), 'alcove-')
    if (Buffer.byteLength(`${prefix}XXXXXX/s`) > maxSocketPathBytes) {
      throw new SpawnFailedError(
        `The path of a Unix socket may have ${maxSocketPathBytes} bytes, and one in ${tmpdir()} would be longer: set TMPDIR to a shorter folder, or \`listen: 'port'\``,
      )
    }
    // mkdtemp(3) makes it with 0700, which is what keeps other users from the socket.
    const directory = await mkdtemp(prefix)
    try {
      const path = join(directory, 's')
      server.listen({ path })
      await once(server, 'listening')
      return new InProcessServer(server, { kind: 'unix', path }, directory)
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(server: Server, endpoint: Endpoint, directory: string | undefined) {
    this.endpoint = endpoint
    this.#server = server
    this.closed = new Promise((resolve) => {
      server.once('close', () => {
        if (directory === undefined) resolve()
        // An empty folder that can't be removed is no reason to count as running for ever.
        else
          void rm(directory, { recursive: true, force: true })
            .catch(() => {})
            .then(resolve)
      })
    })
    // closeAllConnections() knows nothing of upgraded ones.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (_request, response) => {
      // A connection that was busy at close() would be kept alive for more requests.
      response.once('close', () => setImmediate(() => this.#closeIdle()))
    })
  }

  /** Takes no more connections, and lets the requests that run come to their end. Idempotent. */
  close(): void {
    this.#closing = true
    if (this.#server.listening) this.#server.close()
  }

  /** Ends all connections too. Idempotent. */
  async cut(): Promise<void> {
    this.close()
    for (const socket of this.#sockets) socket.destroy()
    await this.closed
  }

  #closeIdle(): void {
    if (this.#closing) this.#server.closeIdleConnections()
  }
}

function serverOf(app: unknown): Server {
  if (app instanceof Server) {
    if (!app.listening) return app as Server
    throw new SpawnFailedError(
      '`app` of inProcessSpawner() returned a server that listens already: leave listen() to the spawner',
    )
  }
  if (typeof app === 'function') return createServer(app as RequestListener)
  const isKoa = typeof app === 'object' && app !== null && 'callback' in app
  throw new SpawnFailedError(
    `Expected \`app\` of inProcessSpawner() to return a request listener or an http.Server, got ${show(app)}${isKoa ? '; for Koa, return `app.callback()`' : ''}`,
  )
}
