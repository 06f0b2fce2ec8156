import type { RequestInit, Response } from 'undici'
import { authorityOf, type Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'
import type { State } from '../environment/state.js'
import type { Lease } from '../instance/lease.js'
import { fetchFrom } from './environment-fetch.js'
import type { Explanation } from './explanation.js'
import type { EnvironmentManager } from './manager.js'

/** What {@link EnvironmentManager.stop} may be told. */
export interface StopOptions {
  /** How long what is in use may go on, in milliseconds. @default 5_000 */
  readonly drainMs?: number
  /** For the history and the events. @default 'stopped by a caller' */
  readonly reason?: string
}

/**
 * One environment of a manager: a name for it, that neither keeps it alive nor goes stale when it restarts.
 *
 * @example
 * ```ts
 * await using environment = await manager.create('pr-42')
 * const response = await environment.fetch('/health')
 * ```
 */
export class Environment implements AsyncDisposable {
  constructor(
    private readonly manager: EnvironmentManager,
    readonly id: EnvironmentId,
  ) {}

  get state(): State {
    return this.manager.stateOf(this.id)
  }

  /** Which incarnation is the current one; 0 where there has been none. */
  get generation(): number {
    return this.manager.explain(this.id).generation ?? 0
  }

  get owner(): string | undefined {
    return this.manager.explain(this.id).owner
  }

  /** Where it answers now; `undefined` where it does not run. */
  get endpoint(): Endpoint | undefined {
    return this.manager.endpointOf(this.id)
  }

  /** `http://host:port` where it runs and listens on TCP, else `undefined`: use {@link fetch}, which works either way. */
  get url(): string | undefined {
    const { endpoint } = this
    if (endpoint?.kind !== 'tcp') return undefined
    return `${endpoint.tls ? 'https' : 'http'}://${authorityOf(endpoint.host, endpoint.port)}`
  }

  /** Uses it, starting it where needed; see {@link EnvironmentManager.acquire}. */
  acquire(options: { readonly signal?: AbortSignal } = {}): Promise<Lease> {
    return this.manager.acquire(this.id, options)
  }

  /**
   * Sends a request straight to it, over whatever it listens on, starting it where needed. With `redirect: 'follow'`, redirects are
   * followed within the environment.
   *
   * @param path - Path and query, such as `/health?deep=1`.
   * @throws what {@link acquire} throws; a `TypeError` where the connection fails, as `fetch` does.
   */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const { manager } = this
    const lease = await this.acquire(init.signal ? { signal: init.signal } : {})
    return fetchFrom(lease, path, init, {
      tls: () => manager.tls(lease),
      dial: (signal) => manager.dial(lease, signal),
    })
  }

  /** Ends it; see {@link EnvironmentManager.stop}. */
  stop(options?: StopOptions): Promise<void> {
    return this.manager.stop(this.id, options)
  }

  explain(): Explanation {
    return this.manager.explain(this.id)
  }

  /** Stops it at once. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.manager.stop(this.id, { drainMs: 0, reason: 'disposed of' })
  }
}
