import type { ConnectionOptions } from 'node:tls'
import { type buildConnector, Pool, type Dispatcher } from 'undici'
import { type Endpoint, sameEndpoint } from '../environment/endpoint.js'
import type { Lease } from '../instance/lease.js'
import { Connection, type ConnectionAware } from './connection.js'
import { type Dial, dialConnector } from './dial.js'
import { tlsConnector, type TlsConnectorOptions } from './upstream-tls.js'

/** What all pools have in common. */
export interface PoolOptions {
  readonly dial: Dial | undefined
  readonly headersTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly tls: TlsOf
}

/**
 * How connections to a lease's endpoint are secured; `undefined` where it has no TLS.
 *
 * @throws an UpstreamCertificateError where what it takes is not there
 */
export type TlsOf = (lease: Lease) => ConnectionOptions | undefined

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
    this.serverName = endpoint.tls?.serverName || serverName
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
      ...this.#connecting(options),
    })
  }

  #connecting(options: PoolOptions): Pool.Options {
    const { connectTimeoutMs, dial } = options
    const { kind } = this.endpoint
    const path = this.endpoint.kind === 'unix' ? { socketPath: this.endpoint.path } : {}
    const tls = this.endpoint.tls && this.#tls(options, { connectTimeoutMs, ...path })
    if (kind === 'dial') {
      const { signal: closed } = this.#closed
      const lease = (): Lease => this.#lease
      return { connect: dialConnector({ dial, connectTimeoutMs, tls, lease, closed }) }
    }
    return tls ? { connect: tls } : { connectTimeout: connectTimeoutMs, ...path }
  }

  #tls(options: PoolOptions, how: TlsConnectorOptions): buildConnector.connector {
    try {
      return tlsConnector(options.tls(this.#lease) ?? {}, how)
    } catch (error) {
      // Each request is told so, in the way of any other that can't be connected.
      return (_target, callback) => callback(error as Error, null)
    }
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
