import type { ConnectionOptions } from 'node:tls'
import type { buildConnector, Dispatcher } from 'undici'
import { type Endpoint, sameEndpoint } from '../environment/endpoint.js'
import type { Lease } from '../instance/lease.js'
import type { ConnectionAware } from './connection.js'
import { Connections, type ConnectionsOptions } from './connections.js'
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

/** How often is looked for connections that nobody uses: of most environments nothing is asked most of the time. */
const idlePoolMs = 10_000

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
  readonly #origin: string
  /** While there is anything to pass, and a little longer. */
  #pool: Connections | undefined
  #used = false
  #lease: Lease
  readonly #closed = new AbortController()

  constructor(
    lease: Lease,
    endpoint: Endpoint,
    private readonly options: PoolOptions,
    /** Told when connections may be opened. */
    private readonly opened: (pool: EndpointPool) => void,
  ) {
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
    this.#origin = `${scheme}://${authority}`
  }

  #open(): Connections {
    const { options } = this
    this.opened(this)
    return new Connections(this.#origin, {
      pipelining: 1,
      allowH2: false,
      // Idle event streams are no fault; how long they may be idle is the manager's business.
      bodyTimeout: 0,
      // 0: for ever.
      headersTimeout: Number.isFinite(options.headersTimeoutMs) ? options.headersTimeoutMs : 0,
      maxHeaderSize: maxResponseHeaderBytes,
      ...this.#connecting(options),
    })
  }

  #connecting(options: PoolOptions): ConnectionsOptions {
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
    this.#used = true
    this.#pool ??= this.#open()
    this.#pool.dispatch(options, handler)
  }

  /** Closes what nothing has passed through since this was called last; it is opened again when needed. @returns whether it did */
  closeIdle(): boolean {
    if (this.#pool) {
      const idle = !this.#used && this.#pool.idle
      this.#used = false
      if (!idle) return false
      // Closing can only fail because it is destroyed meanwhile.
      this.#pool.close().catch(() => {})
    }
    this.#pool = undefined
    return true
  }

  /** Lets what runs end, then closes. */
  async retire(): Promise<void> {
    await this.#pool?.close()
    this.#closed.abort()
  }

  async destroy(): Promise<void> {
    this.#closed.abort()
    await this.#pool?.destroy()
  }
}

/** The pools of all instances. */
export class Pools {
  readonly #byId = new Map<string, EndpointPool[]>()
  readonly #retiring = new Set<EndpointPool>()
  /** Those with connections. */
  readonly #open = new Set<EndpointPool>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly options: PoolOptions,
    private readonly idleMs = idlePoolMs,
  ) {}

  /** How many have connections, or had a moment ago. */
  get openCount(): number {
    return this.#open.size
  }

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
    const added = new EndpointPool(lease, endpoint, this.options, (pool) => this.#opened(pool))
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
    clearInterval(this.#timer)
    await Promise.all(all.map((pool) => pool.destroy()))
  }

  #opened(pool: EndpointPool): void {
    this.#open.add(pool)
    this.#timer ??= setInterval(() => this.#closeIdle(), this.idleMs).unref()
  }

  #closeIdle(): void {
    for (const pool of this.#open) {
      if (pool.closeIdle()) this.#open.delete(pool)
    }
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #retire(pool: EndpointPool): void {
    this.#open.delete(pool)
    this.#retiring.add(pool)
    const forget = (): void => {
      this.#retiring.delete(pool)
    }
    // Closing can only fail because it is destroyed meanwhile.
    pool.retire().then(forget, forget)
  }
}
