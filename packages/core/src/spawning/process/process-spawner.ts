import { ClosedError, UnsupportedError } from '../../errors.js'
import type {
  Capabilities,
  MissingFeature,
  RecoveredInstance,
  Sink,
  SpawnContext,
  Spawner,
  Status,
  Usage,
} from '../spawner.js'
import { unlessAborted } from '../../abort.js'
import { adoptInstance } from './adopted-instance.js'
import { assertSupported, measureCapabilities, pickedPort } from './capabilities.js'
import { findPrecedence } from './cpu/find-precedence.js'
import type { CpuPrecedence, PrecedenceFinder } from './cpu/precedence.js'
import { GatewayRun } from './gateway-run.js'
import { type PickedPort, pickPort } from './listener/free-port.js'
import { type ProcessSpawnerOptions, type ResolvedOptions, resolveOptions } from './options.js'
import type { ProcessInstance } from './process-instance.js'
import { Prewarming } from './prewarm/prewarming.js'
import { type ProcessTable, processTable } from './process-table.js'
import { ProcessTree } from './process-tree.js'
import { findLeftovers } from './recovery.js'
import { checkRun, type ProcessRun } from './run.js'
import { assertOwnHandle, type ProcessHandle } from './run-folder.js'
import { openStateDirectory } from './state-directory.js'

/** How many ended instances are remembered for an observer that comes late. */
const rememberedEnds = 32

/** What tests replace. */
export interface ProcessSpawnerSeams {
  readonly platform?: NodeJS.Platform
  pickPort?(id: string): Promise<PickedPort>
  /** Called with the pid of each process that was started ahead, and waits now. */
  waits?(pid: number): void
  /** Ways of going before environments, the best one first. */
  readonly precedence?: readonly PrecedenceFinder[]
}

/**
 * Runs each environment as a process of this machine, with all of its descendants.
 *
 * Linux and macOS; on Linux nothing of them outlives a killed host by more than 5 s, elsewhere it is reaped at the next start.
 *
 * @throws {@link InvalidOptionError} for an option that is unknown or makes no sense.
 *
 * @example
 * ```ts
 * const manager = new EnvironmentManager({
 *   spawner: processSpawner({ inheritEnv: [...defaultInheritEnv, 'NPM_CONFIG_*'] }),
 *   specFor: ({ id }) => ({ run: { command: ['npm', 'run', 'dev'], cwd: `worktrees/${id}`, listen: 'reported-port' } }),
 * })
 * ```
 */
export function processSpawner(
  options: ProcessSpawnerOptions = {},
): Spawner<ProcessRun, ProcessHandle> {
  return new ProcessSpawner(resolveOptions(options))
}

/** See {@link processSpawner}. */
export class ProcessSpawner implements Spawner<ProcessRun, ProcessHandle> {
  readonly name = 'process'
  readonly reach = 'host'
  readonly #options: ResolvedOptions
  readonly #platform: NodeJS.Platform
  readonly #pickPort: (id: string) => Promise<PickedPort>
  readonly #table: ProcessTable
  readonly #precedenceFinders: readonly PrecedenceFinder[] | undefined
  #precedence: Promise<CpuPrecedence | MissingFeature | undefined> | undefined
  /** What this run looks after: started by it, or taken over. */
  readonly #instances = new Map<string, ProcessInstance>()
  readonly #ended = new Map<string, ProcessInstance>()
  /** What somebody else looks after, and is observed here. */
  readonly #foreign = new Map<string, ProcessInstance>()
  readonly #prewarming: Prewarming
  #run: Promise<GatewayRun> | undefined
  #runName: string | undefined
  #closed = false

  constructor(options: ResolvedOptions, seams: ProcessSpawnerSeams = {}) {
    this.#options = options
    this.#platform = seams.platform ?? process.platform
    this.#pickPort = seams.pickPort ?? pickPort
    this.#table = processTable(this.#platform)
    this.#prewarming = new Prewarming(seams.waits?.bind(seams))
    this.#precedenceFinders = seams.precedence
  }

  async capabilities(): Promise<Capabilities> {
    assertSupported(this.#platform)
    const precedence = await this.#findPrecedence()
    return measureCapabilities(
      this.#platform,
      precedence && 'reason' in precedence ? [precedence] : [],
    )
  }

  check(run: ProcessRun, capabilities: Capabilities): void {
    assertSupported(this.#platform)
    checkRun(run)
    const missing = capabilities.missing.find(({ feature }) => feature === pickedPort)
    if (run.listen === 'picked-port' && missing) {
      throw new UnsupportedError(
        `This host has no ${pickedPort}: ${missing.reason}; ${missing.remedy}`,
      )
    }
  }

  async start(run: ProcessRun, context: SpawnContext): Promise<ProcessHandle> {
    assertSupported(this.#platform)
    checkRun(run)
    const picked = run.listen === 'picked-port' ? await this.#pickPort(context.id) : undefined
    try {
      const gatewayRun = await this.#open()
      context.signal.throwIfAborted()
      if (this.#closed) throw new ClosedError()
      gatewayRun.watchdog.ensure()
      const instance = await this.#prewarming.start(run, context, {
        gatewayRun,
        table: this.#table,
        options: this.#options,
        port: picked?.port,
      })
      this.#keep(instance, gatewayRun, () => picked?.release())
      if (context.signal.aborted || this.#closed) {
        await instance.stop(0)
        context.signal.throwIfAborted()
        throw new ClosedError()
      }
      return instance.handle
    } catch (error) {
      picked?.release()
      throw error
    }
  }

  async observe(
    handle: ProcessHandle,
    to: Sink & { status(now: Status): void },
    signal: AbortSignal,
  ): Promise<Status> {
    const { token } = assertOwnHandle(handle)
    const own = this.#instances.get(token) ?? this.#ended.get(token)
    if (own) return own.observe(to, signal)
    const tree = this.#treeOf(handle)
    const first = await this.#table.find(handle.pid)
    if (first?.startTime !== handle.startTime || signal.aborted) {
      return { is: 'gone', exit: { reason: 'lost' } }
    }
    const instance = adoptInstance(handle, {
      tree,
      table: this.#table,
      stateDir: this.#stateDir(),
      suspended: first.stopped,
    })
    this.#foreign.set(token, instance)
    const leave = (): void => {
      instance.letGo()
      if (this.#foreign.get(token) === instance) this.#foreign.delete(token)
    }
    signal.addEventListener('abort', leave, { once: true })
    void instance.gone.then(leave)
    return instance.observe(to, signal)
  }

  async stop(
    handle: ProcessHandle,
    how: { readonly graceMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { token } = assertOwnHandle(handle)
    how.signal.throwIfAborted()
    if (this.#ended.has(token)) return
    const own = this.#instances.get(token)
    await unlessAborted(
      own ? own.stop(how.graceMs) : this.#treeOf(handle).end(how.graceMs),
      how.signal,
    )
  }

  async suspend(handle: ProcessHandle): Promise<void> {
    const { token } = assertOwnHandle(handle)
    const instance = this.#instances.get(token) ?? this.#foreign.get(token)
    await (instance ? instance.suspend() : this.#treeOf(handle).suspend())
  }

  async resume(handle: ProcessHandle): Promise<void> {
    const { token } = assertOwnHandle(handle)
    const instance = this.#instances.get(token) ?? this.#foreign.get(token)
    await (instance ? instance.resume() : this.#treeOf(handle).resume())
  }

  async usage(handles: readonly ProcessHandle[]): Promise<readonly (Usage | undefined)[]> {
    const snapshot = await this.#table.read()
    return handles.map((handle) => {
      const { token } = assertOwnHandle(handle)
      const members = (this.#instances.get(token)?.tree ?? this.#treeOf(handle)).membersIn(snapshot)
      if (members.length === 0) return undefined
      return {
        cpuMs: members.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
        memoryBytes: members.reduce((sum, info) => sum + this.#table.memoryBytes(info), 0),
      }
    })
  }

  async *recover(
    gateway: string,
    signal: AbortSignal,
  ): AsyncGenerator<RecoveredInstance<ProcessHandle>> {
    assertSupported(this.#platform)
    const leftovers = findLeftovers({
      stateDir: this.#stateDir(),
      gateway,
      table: this.#table,
      signal,
      ownRun: async () => (await this.#open()).folder,
      ownName: () => this.#runName,
    })
    for await (const { record, tree, run, suspended } of leftovers) {
      const gatewayRun = await this.#open()
      gatewayRun.watchdog.ensure()
      const instance = adoptInstance(record.handle, {
        tree,
        table: this.#table,
        stateDir: this.#stateDir(),
        suspended,
        takenFrom: run,
        takenBy: gatewayRun,
      })
      this.#keep(instance, gatewayRun)
      const { handle, owner, specHash, createdAtMs } = record
      const { id, generation } = handle
      yield { id, generation, owner, specHash, createdAtMs, handle }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const instance of this.#foreign.values()) instance.letGo()
    for (const instance of this.#instances.values()) instance.letGo()
    const run = await this.#run?.catch(() => undefined)
    if (!run) return
    await this.#prewarming.close()
    // Without survivors the watchdog has nothing to wait for; otherwise it stays until the host is gone.
    if (this.#instances.size === 0) await run.close()
    else run.folder.letGo()
  }

  #keep(instance: ProcessInstance, run: GatewayRun, released = (): void => {}): void {
    const { token, pid, startTime } = instance.handle
    this.#instances.set(token, instance)
    run.watchdog.guard({ token, pid, startTime, folder: instance.folder })
    void instance.gone.then(async () => {
      released()
      this.#instances.delete(token)
      this.#remember(token, instance)
      run.watchdog.release(token)
      if (this.#closed && this.#instances.size === 0) await run.close()
    })
  }

  #remember(token: string, instance: ProcessInstance): void {
    this.#ended.set(token, instance)
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= rememberedEnds) break
      this.#ended.delete(oldest)
    }
  }

  #open(): Promise<GatewayRun> {
    if (this.#closed) throw new ClosedError()
    this.#run ??= this.#openRun().then(
      (run) => {
        this.#runName = run.folder.name
        return run
      },
      (error: unknown) => {
        this.#run = undefined
        throw error
      },
    )
    return this.#run
  }

  async #openRun(): Promise<GatewayRun> {
    const precedence = await this.#findPrecedence()
    const found = precedence && 'way' in precedence ? precedence : undefined
    return GatewayRun.open(this.#options.stateDir, this.#table, found)
  }

  /** Looked for once. */
  #findPrecedence(): Promise<CpuPrecedence | MissingFeature | undefined> {
    const { cpuShare } = this.#options
    this.#precedence ??=
      cpuShare === false
        ? Promise.resolve(undefined)
        : findPrecedence(cpuShare, this.#platform, this.#precedenceFinders)
    return this.#precedence
  }

  #stateDir(): string {
    return openStateDirectory(this.#options.stateDir)
  }

  #treeOf(handle: ProcessHandle): ProcessTree {
    return new ProcessTree({ ...handle, order: 0 }, this.#table, false)
  }
}
