import { type Server, createServer } from 'node:http'
import { type Http2Server, createServer as createHttp2Server } from 'node:http2'
import type { Socket } from 'node:net'
import { type Gateway, createGateway, headerRouter, staticSpawner } from '@alcove/core'
import { RawEnvironment } from '../environment/environment.ts'
import { Http1Visit } from '../client/http1-visit.ts'
import { Http2Visit } from '../client/http2-visit.ts'
import { ExchangeRecord, Ledger } from '../record.ts'
import { type Front, type Visit, environmentNames } from '../scenario/scenario.ts'

/** A gateway as a host mounts it, before raw environments. */
export class Stage {
  readonly ledger = new Ledger()
  readonly environments = environmentNames.map((name) => new RawEnvironment(name, this.ledger))
  readonly gateway: Gateway
  readonly server: Server | Http2Server
  /** The gateway's side of clients' connections. */
  readonly frontSockets = new Set<Socket>()
  /** The targets of requests that the gateway has not dealt with yet. */
  readonly handling: string[] = []
  readonly #clients: Socket[] = []
  #port = 0

  private constructor(readonly front: Front) {
    this.gateway = createGateway({
      router: headerRouter({ name: 'x-env-id' }),
      spawner: staticSpawner(),
      specFor: ({ id }) => {
        const environment = this.environments.find(({ name }) => name === id)
        return environment && { run: { endpoint: environment.endpoint } }
      },
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      // Its timer is set again each second, and would count as one more at times.
      minAvailableMemoryBytes: 0,
    })
    this.gateway.manager.on('problem', ({ message }) => {
      this.ledger.violated(`The gateway reports a problem: ${message}`)
    })
    const listener = (...[request, response]: Parameters<Gateway>): void => {
      const { url = '' } = request
      this.handling.push(url)
      const handled = (): void => {
        this.handling.splice(this.handling.indexOf(url), 1)
        this.ledger.moved()
      }
      void this.gateway(request, response).finally(handled)
    }
    this.server = front === 'http1' ? createServer(listener) : createHttp2Server(listener)
    if (front === 'http1') this.gateway.attach(this.server)
    this.server.on('connection', (socket: Socket) => {
      this.frontSockets.add(socket)
      socket.once('close', () => {
        this.frontSockets.delete(socket)
        this.ledger.moved()
      })
    })
  }

  static async open(front: Front): Promise<Stage> {
    const stage = new Stage(front)
    await Promise.all(stage.environments.map((environment) => environment.listen()))
    await new Promise<void>((resolve) => {
      stage.server.listen(0, '127.0.0.1', resolve)
    })
    const address = stage.server.address()
    if (typeof address !== 'object' || address === null) throw new Error('no address')
    stage.#port = address.port
    return stage
  }

  /** Plays a visit, and resolves when its client has what it gets. `index` tells the tokens of one visit from another's. */
  async play(visit: Visit, index: number): Promise<readonly ExchangeRecord[]> {
    const records = visit.exchanges.map((exchange, i) => {
      const token = `v${two(index)}e${two(i)}`
      const record = new ExchangeRecord(token, exchange)
      this.ledger.records.set(token, record)
      return record
    })
    const Kind = this.front === 'http1' ? Http1Visit : Http2Visit
    const client = new Kind(this.#port, visit, records, this.ledger)
    this.#clients.push(client.socket)
    await client.run()
    for (const record of records) record.over = true
    return records
  }

  /** Held leases, and callers that wait for one. */
  get leases(): number {
    return this.environments.reduce((sum, { name }) => {
      const { request, stream, upgrade, waiting } = this.gateway.manager.explain(name).leases
      return sum + request + stream + upgrade + waiting
    }, 0)
  }

  /** Ends all connections from both ends. */
  hangUp(): void {
    for (const client of this.#clients.splice(0)) client.destroy()
    for (const environment of this.environments) environment.hangUp()
  }

  async close(): Promise<void> {
    this.hangUp()
    for (const socket of this.frontSockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
    await this.gateway.close({ drainMs: 0 })
    await Promise.all(this.environments.map((environment) => environment.close()))
  }
}

function two(count: number): string {
  return String(count).padStart(2, '0')
}
