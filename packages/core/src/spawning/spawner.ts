import type { Duplex } from 'node:stream'
import type { Endpoint } from '../environment/endpoint.js'
import type { EnvironmentId } from '../environment/id.js'
import type { Json } from '../environment/spec.js'

/** What is known of an instance now. */
export type Status =
  /** It exists and can't be reached now: pulling, rescheduled, restarted by its engine, not yet listening. */
  | { readonly is: 'pending' }
  /** The endpoint may differ from the last one. */
  | { readonly is: 'running' | 'suspended'; readonly endpoint: Endpoint }
  /** Proven and final. Who can't tell throws `SpawnerUnavailableError` instead. */
  | { readonly is: 'gone'; readonly exit: ExitInfo }

/** How an instance ended. */
export interface ExitInfo {
  /** `lost`: it is gone and nobody can know how. `port-taken`: its port went to a stranger; core starts it once more. */
  readonly reason: 'exited' | 'signalled' | 'out-of-memory' | 'evicted' | 'lost' | 'port-taken'
  readonly exitCode?: number
  readonly signal?: string
  /** The engine's own words. */
  readonly message?: string
}

/** A resource that a spawner may be able to limit. */
export type LimitedResource = 'memory' | 'cpu' | 'pids' | 'disk'

/** What a spawner can do on this host. */
export interface Capabilities {
  readonly suspend: boolean
  /** Whether instances outlive the gateway's process. */
  readonly survivesHost: boolean
  readonly limits: ReadonlySet<LimitedResource>
  readonly egress: 'open' | 'none' | 'named'
  /** What it could do with something installed or configured; shown by `manager.diagnose()`. */
  readonly missing: readonly MissingFeature[]
}

/** Something that a spawner can't do on this host. */
export interface MissingFeature {
  readonly feature: string
  readonly reason: string
  readonly remedy: string
}

/** Where a spawner tells what happens. */
export interface Sink {
  /** One line of what the instance prints, without its line end. */
  log(line: string): void
  progress(step: { readonly phase: string; readonly text: string }): void
}

/** For whom a spawner starts an instance. All of it is stamped on the instance, so that `recover` finds it again. */
export interface SpawnContext extends Sink {
  /** The stable name of the gateway. */
  readonly gateway: string
  readonly id: EnvironmentId
  readonly generation: number
  readonly owner: string
  readonly specHash: string
  readonly signal: AbortSignal
}

/** An instance that a former run of this gateway has left. */
export interface RecoveredInstance<Handle extends Json = Json> {
  readonly id: EnvironmentId
  readonly generation: number
  readonly owner: string
  readonly specHash: string
  readonly createdAtMs: number
  readonly handle: Handle
}

/** CPU time and memory of an instance, its whole tree. */
export interface Usage {
  readonly cpuMs: number
  readonly memoryBytes: number
}

/**
 * A driver that starts, observes and stops instances.
 *
 * It holds no retry, no timeout and no state machine: core wraps each driver once, with all of these.
 */
export interface Spawner<Run extends Json = Json, Handle extends Json = Json> {
  /** Part of every spec's hash: does not change between releases. */
  readonly name: string
  /** Who can dial its endpoints: this process, this host, or everyone on the network. */
  readonly reach: 'process' | 'host' | 'network'
  /** Measured on this host, not declared. */
  capabilities(signal: AbortSignal): Promise<Capabilities>
  /** Throws on a `run` that is malformed or that this host can't enforce; nothing in it is ever ignored. */
  check(run: Run, capabilities: Capabilities): void
  /**
   * Resolves as soon as the instance can be named and found again; the handle carries its id and generation.
   * A rejection, an abort's too, leaves nothing behind. {@link PortTakenError}: core tries again.
   */
  start(run: Run, context: SpawnContext): Promise<Handle>
  /**
   * Resolves to the present status, then tells each change until `signal` aborts; alike for what was started and what was
   * recovered; `gone` comes last, after every line. Rejects with {@link SpawnerUnavailableError} where it can't tell.
   */
  observe(
    handle: Handle,
    to: Sink & { status(now: Status): void },
    signal: AbortSignal,
  ): Promise<Status>
  /** Resolves when this incarnation is gone, from any state; resolves at once where it is gone already. Idempotent. */
  stop(
    handle: Handle,
    how: { readonly graceMs: number; readonly signal: AbortSignal },
  ): Promise<void>
  /** Lists what this gateway's former runs have left; core adopts or stops it. */
  recover(gateway: string, signal: AbortSignal): AsyncIterable<RecoveredInstance<Handle>>
  /** Deletes the data of an environment; needs no live handle. Idempotent. */
  purge?(id: EnvironmentId, signal: AbortSignal): Promise<void>
  suspend?(handle: Handle, signal: AbortSignal): Promise<void>
  resume?(handle: Handle, signal: AbortSignal): Promise<void>
  /** Opens a connection to a `dial` endpoint. */
  dial?(handle: Handle, signal: AbortSignal): Promise<Duplex>
  logs?(
    handle: Handle,
    how: { readonly tailLines: number; readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<string>
  /** In the order of `handles`; `undefined` for one that is gone. */
  usage?(handles: readonly Handle[], signal: AbortSignal): Promise<readonly (Usage | undefined)[]>
  /** Ends its own clients and watches; instances stay. Idempotent. */
  close(): Promise<void>
}
