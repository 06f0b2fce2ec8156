import { EventEmitter, once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ClientRequest,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LoadReport } from '../../admission/load-report.js'
import { staticSpawner } from '../../spawning/static.js'
import { type ManualClock, manualClock } from '../../testing/manual-clock.js'
import { createGateway, type Gateway } from '../gateway.js'
import type { GatewayOptions } from '../options.js'
import { headerRouter } from '../../routing/header.js'

/** A request as the environment sees it. */
export interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** An answer as a client sees it. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A gateway, environments that answer when the test says so, and clients with a connection each. */
export class LoadScene implements AsyncDisposable {
  readonly clock: ManualClock = manualClock()
  /** What has come to environments, and is not answered. */
  readonly asked: Asked[] = []
  readonly #events = new EventEmitter()
  readonly #clients = new Set<ClientRequest | Socket>()
  readonly #upstream = createServer((request, response) => {
    this.asked.push({ request, response })
    this.#events.emit('asked')
  })
  readonly #front = createServer((request, response) => void this.gateway(request, response))
  #gateway: Gateway | undefined

  static async of(options: Partial<GatewayOptions> = {}): Promise<LoadScene> {
    const scene = new LoadScene()
    scene.#upstream.listen(0, '127.0.0.1')
    await once(scene.#upstream, 'listening')
    const { port } = scene.#upstream.address() as AddressInfo
    scene.#gateway = createGateway({
      router: headerRouter(),
      spawner: staticSpawner(),
      specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port } } }),
      clock: scene.clock,
      ...options,
    })
    scene.#front.listen(0, '127.0.0.1')
    await once(scene.#front, 'listening')
    scene.#gateway.attach(scene.#front)
    return scene
  }

  get gateway(): Gateway {
    if (!this.#gateway) throw new Error('The scene is not set yet')
    return this.#gateway
  }

  get port(): number {
    return (this.#front.address() as AddressInfo).port
  }

  get front(): ReturnType<typeof createServer> {
    return this.#front
  }

  get upstream(): ReturnType<typeof createServer> {
    return this.#upstream
  }

  /** Sends a request, over a connection of its own. */
  ask(
    id: string,
    how: { readonly path?: string; readonly headers?: Record<string, string> } = {},
  ): { readonly client: ClientRequest; readonly answer: Promise<Answered> } {
    const { path = '/', headers = {} } = how
    const client = httpRequest({
      host: '127.0.0.1',
      port: this.port,
      path,
      headers: { 'x-env-id': id, ...headers },
      agent: false,
    })
    this.#clients.add(client)
    const answer = once(client, 'response').then(async ([response]: IncomingMessage[]) => ({
      status: response?.statusCode ?? 0,
      headers: response?.headers ?? {},
      body: response ? await text(response) : '',
    }))
    // Those that are given up reject, and nobody waits for them.
    answer.catch(() => {})
    client.end()
    return { client, answer }
  }

  /** Opens a connection for whoever writes by hand. */
  async socket(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1')
    socket.on('error', () => {})
    this.#clients.add(socket)
    await once(socket, 'connect')
    return socket
  }

  /** Resolves once so many requests have come to environments and are not taken from `asked`. */
  async arrived(count: number): Promise<readonly Asked[]> {
    while (this.asked.length < count) await once(this.#events, 'asked')
    return this.asked
  }

  /** Resolves once the gateway's load is as it should be. */
  async until(holds: (load: LoadReport) => boolean): Promise<void> {
    while (!holds(this.gateway.load())) await nextTurn()
  }

  /** What the gateway tells of one environment. */
  loadOf(id: string): LoadReport['environments'][number] | undefined {
    return this.gateway.load().environments.find((environment) => environment.id === id)
  }

  /** Resolves once so many requests of an environment wait for their turn. */
  queued(id: string, count: number): Promise<void> {
    return this.until(() => (this.loadOf(id)?.queued ?? 0) === count)
  }

  /** Answers the request that came first. */
  answerFirst(body = 'done'): void {
    this.asked.shift()?.response.end(body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await this.gateway.close({ drainMs: 0 })
    for (const server of [this.#front, this.#upstream]) {
      server.closeAllConnections()
      server.close()
    }
  }
}
