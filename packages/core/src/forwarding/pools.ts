import { Client, Pool, type Dispatcher } from 'undici'
import { type Endpoint, sameEndpoint } from '../environment/endpoint.js'
import type { Lease } from '../instance/lease.js'
import { type Dial, dialConnector } from './dial.js'
import type { UpstreamTls } from './upstream-tls.js'

/** What all pools have in common. */
export interface PoolOptions {
  readonly dial: Dial | undefined
  readonly headersTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly upstreamTls: UpstreamTls | undefined
  readonly tlsSecrets: Readonly<Record<string, UpstreamTls>> | undefined
}

/** A handler that wants to know which connection it got. */
export interface ConnectionAware extends Dispatcher.DispatchHandler {
  connection: Connection | undefined
}

/** One connection of a pool, which knows whether it has carried a request before. */
export class Connection extends Client {
  #requests = 0

  constructor(origin: URL, options: Client.Options) {
    super(origin, options)
    this.on('disconnect', () => {
      this.#requests = 0
    })
  }

  /** Counts one more request. @returns whether there were others before */
  use(): boolean {
    this.#requests += 1
    return this.#requests > 1
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: ConnectionAware): boolean {
    handler.connection = this
    return super.dispatch(options, handler)
  }
}

// Dev servers set many and long fields; Node.js's own 16 KiB are for strangers.
const maxResponseHeaderBytes = 128 * 1024

/** The connections to one endpoint of one instance. */
export class EndpointPool {
  readonly generation: number
  readonly endpoint: Endpoint
  /** Where there is one, what its own absolute URLs begin with. */
  readonly own: { readonly authority: string; readonly hostname: string } | undefined
  /** Given with each request: what undici would make of the Host field is a stranger's text. */
  readonly serverName: string
  readonly pool: Pool
  #lease: Lease
  readonly #closed = new AbortController()

  constructor(lease: Lease, endpoint: Endpoint, options: PoolOptions) {
    this.#lease = lease
    this.generation = lease.generation
    this.endpoint = endpoint
    const scheme = endpoint.tls ? 'https' : 'http'
    let authority = 'localhost'
    let serverName = 'localhost'
    if (endpoint.kind === 'tcp') {
      serverName = endpoint.host.toLowerCase()
      const host = serverName.includes(':') ? `[${serverName}]` : serverName
      authority = `${host}:${endpoint.port}`
      this.own = { authority, hostname: host }
    } else {
      this.own = undefined
    }
    this.serverName = endpoint.tls?.serverName ?? serverName
    this.pool = new Pool(`${scheme}://${authority}`, {
      connections: null,
      pipelining: 1,
      allowH2: false,
      // Idle event streams are no fault; how long they may be idle is the manager's business.
      bodyTimeout: 0,
      // 0: for ever.
      headersTimeout: Number.isFinite(options.headersTimeoutMs) ? options.headersTimeoutMs : 0,
      maxHeaderSize: maxResponseHeaderBytes,
      factory: (origin, clientOptions) => new Connection(origin, clientOptions),
      ...(endpoint.kind === 'dial'
        ? {
            connect: dialConnector({
              dial: options.dial,
              connectTimeoutMs: options.connectTimeoutMs,
              lease: () => this.#lease,
              closed: this.#closed.signal,
            }),
          }
        : { connectTimeout: options.connectTimeoutMs }),
      ...(endpoint.kind === 'unix' ? { socketPath: endpoint.path } : undefined),
    })
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: ConnectionAware, lease: Lease): void {
    this.#lease = lease
    this.pool.dispatch(options, handler)
  }

  /** Lets what runs end, then closes. */
  async retire(): Promise<void> {
    await this.pool.close()
    this.#closed.abort()
  }

  async destroy(): Promise<void> {
    this.#closed.abort()
    await this.pool.destroy()
  }
}

/** The pools of all instances. */
export class Pools {
  readonly #byId = new Map<string, EndpointPool[]>()
  readonly #retiring = new Set<EndpointPool>()

  constructor(private readonly options: PoolOptions) {}

  /** The pool for where the lease's instance answers now. */
  for(lease: Lease): EndpointPool {
    const { endpoint, generation } = lease
    const pools = this.#byId.get(lease.id)
    if (pools) {
      for (const pool of pools) {
        if (pool.generation !== generation) continue
        if (pool.endpoint === endpoint || sameEndpoint(pool.endpoint, endpoint)) return pool
      }
    }
    return this.#add(lease, endpoint, pools)
  }

  #add(lease: Lease, endpoint: Endpoint, before: readonly EndpointPool[] = []): EndpointPool {
    const added = new EndpointPool(lease, endpoint, this.options)
    const kept = [added]
    for (const pool of before) {
      // The instance has moved, or is older than the one that is being replaced.
      if (pool.generation === lease.generation || pool.generation < lease.generation - 1) {
        this.#retire(pool)
      } else kept.push(pool)
    }
    this.#byId.set(lease.id, kept)
    return added
  }

  drop(id: string, generation: number): void {
    const pools = this.#byId.get(id)
    if (!pools) return
    const kept = pools.filter((pool) => {
      if (pool.generation === generation) this.#retire(pool)
      return pool.generation !== generation
    })
    if (kept.length === 0) this.#byId.delete(id)
    else this.#byId.set(id, kept)
  }

  async close(): Promise<void> {
    const all = [...this.#retiring, ...[...this.#byId.values()].flat()]
    this.#byId.clear()
    await Promise.all(all.map((pool) => pool.destroy()))
  }

  #retire(pool: EndpointPool): void {
    this.#retiring.add(pool)
    const forget = (): void => {
      this.#retiring.delete(pool)
    }
    // Closing can only fail because it is destroyed meanwhile.
    pool.retire().then(forget, forget)
  }
}
