import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type EnvironmentId, assertEnvironmentId } from '../environment/id.js'
import { authorityOf } from '../environment/endpoint.js'
import { type PortRouter, portRouter } from '../routing/port.js'
import type { UpgradableServer } from './attachment.js'

/** A port of its own for one environment. */
export interface EnvironmentPort extends AsyncDisposable {
  readonly port: number
  /** `http://host:port`. */
  readonly url: string
  /** Stops listening; the environment stays. Idempotent. */
  close(): Promise<void>
}

/** What a port needs of its gateway. */
export interface PortOwner {
  request(request: IncomingMessage, response: ServerResponse): Promise<void>
  attach(server: UpgradableServer): void
  detach(server: UpgradableServer): void
}

/** The ports that a gateway has opened itself. */
export class EnvironmentPorts {
  readonly router: PortRouter = portRouter()
  readonly #open = new Set<EnvironmentPort>()

  constructor(private readonly owner: PortOwner) {}

  /** Opens one. @throws {@link InvalidIdError}; the server's own error where the port can't be had. */
  async listenFor(id: EnvironmentId, port: number, host: string): Promise<EnvironmentPort> {
    assertEnvironmentId(id)
    const { owner } = this
    const sockets = new Set<Duplex>()
    const server = createServer((request, response) => void owner.request(request, response))
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    const bound = await listen(server, port, host)
    owner.attach(server)
    this.router.set(bound, id)
    const close = (): Promise<void> =>
      new Promise((resolve) => {
        this.router.delete(bound)
        this.#open.delete(opened)
        owner.detach(server)
        server.close(() => resolve())
        // Upgraded ones as well, which the server does not know any more.
        for (const socket of sockets) socket.destroy()
      })
    const opened: EnvironmentPort = {
      port: bound,
      url: `http://${authorityOf(host, bound)}`,
      close,
      [Symbol.asyncDispose]: close,
    }
    this.#open.add(opened)
    return opened
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((opened) => opened.close()))
  }
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
  return (server.address() as AddressInfo).port
}
