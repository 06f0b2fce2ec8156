import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { EventEmitter } from 'eventemitter3'
import type { Clock } from '../clock.js'
import type { Coordinator } from '../coordination/coordinator.js'
import type { Endpoint } from '../environment/endpoint.js'
import { assertEnvironmentId, type EnvironmentId } from '../environment/id.js'
import type { Spec } from '../environment/spec.js'
import type { State } from '../environment/state.js'
import {
  ClosedError,
  HookFailedError,
  NotRunningError,
  SpawnerUnavailableError,
  type AlcoveError,
} from '../errors.js'
import type { ManagerEvents, Restriction } from '../events.js'
import type { Lease } from '../instance/lease.js'
import { checkOptions, durationMs, durationOrNoneMs, text } from '../option-check.js'
import { dialEndpoint } from '../readiness/dial.js'
import type { Capabilities, Spawner } from '../spawning/spawner.js'
import { Environment, type StopOptions } from './environment.js'
import { type Explanation, explain } from './explanation.js'
import { Lifecycle } from './lifecycle.js'
import type { OpeningRequest } from './opening.js'
import { checkSpec, type ManagerOptions, resolveManagerOptions } from './options.js'

/** How an environment is asked for. */
export interface AcquireOptions {
  /** Gives up waiting; a start that others wait for goes on. */
  readonly signal?: AbortSignal
  /** Whom a start counts against. @default the spec's owner */
  readonly owner?: string
  /** Passed to `specFor` where this starts the environment. */
  readonly template?: string
  /** `false`: use it only where it runs or is starting. @default true */
  readonly wake?: boolean
}

/** What {@link EnvironmentManager.diagnose} found out. */
export interface Diagnosis {
  readonly gateway: string
  readonly coordinator: Pick<Coordinator, 'reach' | 'ttlMs'>
  readonly spawners: readonly {
    readonly name: string
    readonly reach: Spawner['reach']
    /** `undefined` where it can't tell: see `problem`. */
    readonly capabilities: Capabilities | undefined
    readonly problem: string | undefined
  }[]
}

const never = new AbortController().signal

const stopRules = { drainMs: durationOrNoneMs, reason: text }

/**
 * Starts, finds, keeps and stops environments.
 *
 * @example
 * ```ts
 * await using manager = new EnvironmentManager({ spawner: processSpawner() })
 * await using environment = await manager.create('pr-42', { run: { command: ['node', 'server.js'] } })
 * console.log((await environment.fetch('/')).status)
 * ```
 */
export class EnvironmentManager extends EventEmitter<ManagerEvents> implements AsyncDisposable {
  /** The name of this gateway, stamped on all that it starts. */
  readonly name: string
  readonly #lifecycle: Lifecycle
  #closed: Promise<void> | undefined

  /** @throws {@link InvalidOptionError} on an option that is unknown or makes no sense. */
  constructor(options: ManagerOptions) {
    super()
    const resolved = resolveManagerOptions(options)
    this.name = resolved.name ?? defaultName()
    this.#lifecycle = new Lifecycle(this.name, resolved, {
      emit: (name, ...event) => this.#tell(name, event),
      hears: (name) => this.listenerCount(name) > 0,
    })
  }

  /**
   * Resolves when the environment is ready: started where needed, joined where it runs or is starting already.
   *
   * @param spec - What it is to run, in the place of `specFor`; remembered until it is stopped. Where it runs something
   *   else, that serves until the new instance is ready, and goes on serving where the new one fails: see {@link replace}.
   * @throws {@link InvalidIdError}, {@link InvalidOptionError}, {@link EnvironmentNotFoundError}, {@link CapacityError},
   *   {@link QuotaExceededError}, {@link BackingOffError}, {@link PrepareFailedError}, {@link SpawnFailedError}, {@link InstanceGoneError},
   *   {@link StartTimeoutError}, {@link ReadyTimeoutError}, {@link ClosedError}, or the signal's reason.
   */
  async create(
    id: EnvironmentId,
    spec?: Spec,
    options: Pick<AcquireOptions, 'signal' | 'owner' | 'template'> = {},
  ): Promise<Environment> {
    return this.#create(id, { spec, options, always: false })
  }

  /**
   * Starts a new instance beside the one that serves, changes over when it is ready, and drains and stops the old one: no request
   * waits or fails. A new one that fails leaves the old one serving. Where nothing runs, this is {@link create}.
   *
   * @param spec - What it is to run from now on; without it what `specFor`, or the last `create()`, says now
   * @throws what {@link create} throws
   *
   * @example
   * ```ts
   * await manager.replace('pr-42') // its files have changed
   * ```
   */
  async replace(
    id: EnvironmentId,
    spec?: Spec,
    options: Pick<AcquireOptions, 'signal' | 'owner' | 'template'> = {},
  ): Promise<Environment> {
    const known = this.#lifecycle.records.get(id)
    return this.#create(id, { spec: spec ?? known?.ownSpec, options, always: true })
  }

  async #create(
    id: EnvironmentId,
    how: {
      readonly spec: Spec | undefined
      readonly options: Pick<AcquireOptions, 'signal' | 'owner' | 'template'>
      readonly always: boolean
    },
  ): Promise<Environment> {
    const { spec, options, always } = how
    assertEnvironmentId(id)
    if (this.#lifecycle.closed) throw new ClosedError()
    const { signal = never } = options
    if (spec) checkSpec(id, spec)
    if (spec || always) {
      const record = this.#lifecycle.record(id)
      const request = openingRequest(options)
      const what = { ...request, ...(spec && { spec }), always }
      const replaced = await this.#lifecycle.replace(record, what, signal)
      if (spec) this.#lifecycle.record(id).ownSpec = spec
      if (replaced) {
        replaced.release()
        return new Environment(this, id)
      }
    }
    const lease = await this.acquire(id, options)
    lease.release()
    return new Environment(this, id)
  }

  /**
   * Keeps an environment from being stopped or frozen for being idle, or for another's sake, until {@link unpin}; it is not started by
   * that. It still ends where it crashes, reaches `maxLifetimeMs`, or is stopped by hand.
   */
  pin(id: EnvironmentId): void {
    this.#lifecycle.keep(assertEnvironmentId(id), (keeping) => {
      keeping.pinned = true
    })
  }

  /** Takes back what {@link pin} and {@link extend} have said. */
  unpin(id: EnvironmentId): void {
    this.#lifecycle.keep(assertEnvironmentId(id), (keeping) => {
      keeping.pinned = false
      keeping.extendedUntilMs = Number.NEGATIVE_INFINITY
    })
  }

  /**
   * As {@link pin}, for the next `forMs` milliseconds. A later call counts, be it shorter or longer.
   *
   * @throws {@link InvalidOptionError} where that is no positive number
   */
  extend(id: EnvironmentId, forMs: number): void {
    checkOptions('extend()', { forMs }, { forMs: durationMs })
    this.#lifecycle.keep(assertEnvironmentId(id), (keeping) => {
      keeping.extendedUntilMs = this.clock.nowMs() + forMs
    })
  }

  /**
   * Resolves to a lease on the environment once it is ready, starting it where needed; the caller releases it.
   *
   * @throws what {@link create} throws, and {@link NotRunningError} where `wake` is false.
   */
  async acquire(id: EnvironmentId, options: AcquireOptions = {}): Promise<Lease> {
    const ready = this.acquireReady(id)
    if (ready) return ready
    assertEnvironmentId(id)
    options.signal?.throwIfAborted()
    const known = this.#lifecycle.records.get(id)
    const isOnItsWay = known?.opening ?? known?.replacement
    if (options.wake === false && !isOnItsWay && known?.current?.state !== 'unready') {
      throw new NotRunningError(id)
    }
    const record = this.#lifecycle.record(id)
    return this.#lifecycle.open(record, openingRequest(options), options.signal)
  }

  /** A lease where the environment is ready now, synchronously: what a request to a running environment costs. */
  acquireReady(id: EnvironmentId): Lease | undefined {
    const instance = this.#lifecycle.records.get(id)?.current
    return instance?.state === 'ready' && !this.#lifecycle.closed ? instance.lease() : undefined
  }

  /** Says that the environment of a lease could not be connected to: it is asked again before others get it. */
  reportUnreachable(lease: Lease): void {
    const instance = this.#lifecycle.records.get(lease.id)?.current
    if (instance?.generation !== lease.generation) return
    this.#lifecycle.supervisor.recheck(instance, 'recovered', 'could not be connected to')
  }

  /** Whom an environment that runs counts against. */
  ownerOf(id: EnvironmentId): string | undefined {
    return this.#lifecycle.records.get(id)?.current?.plan.owner
  }

  /** Where its time comes from; for those who work for this manager. */
  get clock(): Clock {
    return this.#lifecycle.clock
  }

  /** An environment that runs, is on its way, failed, or was stopped not long ago. */
  get(id: EnvironmentId): Environment | undefined {
    return this.#lifecycle.records.has(id) ? new Environment(this, id) : undefined
  }

  /** All environments that run, are on their way or have failed. */
  list(): Environment[] {
    return [...this.#lifecycle.records.values()]
      .filter((record) => record.state !== 'stopped' || record.opening)
      .map((record) => new Environment(this, record.id))
  }

  /**
   * Ends an environment, whatever it is doing; resolves when nothing of it runs. It starts again when next asked for, at once:
   * its failures are forgotten too. Idempotent.
   */
  async stop(id: EnvironmentId, options: StopOptions = {}): Promise<void> {
    checkOptions('stop()', options, stopRules)
    const record = this.#lifecycle.record(assertEnvironmentId(id))
    record.ownSpec = undefined
    await this.#lifecycle.stop(
      record,
      options.drainMs ?? 5_000,
      options.reason ?? 'stopped by a caller',
    )
  }

  /** Stops and starts an environment again; one that failed for good gets another chance. Throws what {@link create} throws. */
  async restart(id: EnvironmentId, options: StopOptions = {}): Promise<Environment> {
    checkOptions('restart()', options, stopRules)
    const record = this.#lifecycle.record(assertEnvironmentId(id))
    const { ownSpec } = record
    await this.#lifecycle.stop(
      record,
      options.drainMs ?? 5_000,
      options.reason ?? 'restarted by a caller',
    )
    return this.create(id, ownSpec)
  }

  /** Stops an environment and deletes its data, with every spawner that may hold some. Idempotent. */
  async purge(id: EnvironmentId, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const record = this.#lifecycle.record(assertEnvironmentId(id))
    record.ownSpec = undefined
    await this.#lifecycle.purge(record, options.signal ?? new AbortController().signal)
  }

  /** Why an environment is in the state it is in, and what happens to it next. */
  explain(id: EnvironmentId): Explanation {
    const { records } = this.#lifecycle
    const known = records.get(assertEnvironmentId(id))
    if (known) return explain(known, this.#lifecycle)
    const record = this.#lifecycle.record(id)
    records.delete(id)
    return explain(record, this.#lifecycle)
  }

  /** What each spawner can do on this host, and what would have to be installed for more. */
  async diagnose(): Promise<Diagnosis> {
    const { spawners, options } = this.#lifecycle
    const { reach, ttlMs } = options.coordinator
    return {
      gateway: this.name,
      coordinator: { reach, ttlMs },
      spawners: await Promise.all(
        [...spawners.values()].map(async (spawner) => {
          const { name } = spawner
          try {
            const capabilities = await spawner.capabilities()
            return { name, reach: spawner.reach, capabilities, problem: undefined }
          } catch (error) {
            return { name, reach: spawner.reach, capabilities: undefined, problem: String(error) }
          }
        }),
      ),
    }
  }

  /** What an environment is doing, at less cost than {@link explain}. */
  stateOf(id: EnvironmentId): State {
    return this.#lifecycle.records.get(assertEnvironmentId(id))?.state ?? 'stopped'
  }

  /** Where an environment answers now; `undefined` where it does not run. */
  endpointOf(id: EnvironmentId): Endpoint | undefined {
    const instance = this.#lifecycle.records.get(id)?.current
    return instance?.live ? instance.endpoint : undefined
  }

  /** Opens a connection to what a lease is for, of whichever kind. */
  async dial(lease: Lease, signal: AbortSignal): Promise<Duplex> {
    if (lease.endpoint.kind !== 'dial') return dialEndpoint(lease.endpoint, signal)
    const instance = this.#lifecycle.records.get(lease.id)?.instanceOf(lease.generation)
    if (instance?.handle === undefined) {
      throw new SpawnerUnavailableError(
        `Environment "${lease.id}" can't be connected to: the instance of this lease is gone`,
        { id: lease.id },
      )
    }
    return instance.spawner.dial(instance.handle, signal)
  }

  /**
   * How a connection to what a lease is for is secured, for `tls.connect()`; `undefined` where it has no TLS.
   *
   * @throws {@link UpstreamCertificateError} where the endpoint names a secret that `tlsSecrets` does not have
   */
  tls(lease: Lease): ConnectionOptions | undefined {
    return this.#lifecycle.options.tlsFor(lease.endpoint, lease.id)
  }

  /**
   * Ends all environments, once what is in use is done or `drainMs` are over (5,000 by default), and starts nothing any more.
   * Resolves when nothing is left running. Idempotent.
   */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    checkOptions('close()', options, { drainMs: durationOrNoneMs })
    this.#closed ??= this.#lifecycle.close(options.drainMs ?? 5_000)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ drainMs: 0 })
  }

  /** Tells `problem`; for those who work for this manager. */
  reportProblem(error: AlcoveError): void {
    this.#tell('problem', [error])
  }

  /** Tells `restricted`; as above. */
  reportRestriction(restriction: Restriction): void {
    this.#tell('restricted', [restriction])
  }

  /** A listener that throws must not stop what it is told about half-way. */
  #tell(name: keyof ManagerEvents, event: readonly unknown[]): void {
    // eventemitter3's types can't see that the tuple belongs to the name.
    const emit = this.emit.bind(this) as (name: string, ...event: readonly unknown[]) => boolean
    try {
      emit(name, ...event)
    } catch (cause) {
      if (name === 'problem') process.emitWarning(cause as Error)
      else this.#tell('problem', [new HookFailedError(`A listener of "${name}" threw`, { cause })])
    }
  }
}

function openingRequest({ owner, template }: AcquireOptions): OpeningRequest {
  return { ...(owner !== undefined && { owner }), ...(template !== undefined && { template }) }
}

/** Stable across restarts, and another for another application. */
function defaultName(): string {
  return `gateway-${createHash('sha256').update(process.cwd()).digest('hex').slice(0, 12)}`
}
