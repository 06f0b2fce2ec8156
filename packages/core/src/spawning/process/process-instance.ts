import type { Endpoint } from '../../environment/endpoint.js'
import { sameEndpoint } from '../../environment/endpoint.js'
import type { ExitInfo, Sink, Status } from '../spawner.js'
import type { Listener, ListenerEvents } from './listener/listener.js'
import { OutputBuffer } from './output-buffer.js'
import type { ProcessTree } from './process-tree.js'
import type { ProcessHandle } from './run-folder.js'

/** How long the rest of a tree may take to end by itself once its first process has ended. */
const orphanGraceMs = 500

/** Who is told about an instance. */
export type InstanceObserver = Sink & { status(now: Status): void }

/** What an instance is made of. */
export interface InstanceParts {
  readonly handle: ProcessHandle
  /** Its own folder. */
  readonly folder: string
  readonly tree: ProcessTree
  /** Resolves when its first process has ended. */
  readonly ended: Promise<ExitInfo>
  /** What it has printed so far, and prints. */
  readonly output?: OutputBuffer
  /** Begins to look for its endpoint. */
  listen(events: ListenerEvents): Listener
  /** Begins to look for listeners in the wrong place. */
  watchForMisplaced(listener: Listener, note: (line: string) => void): () => void
  /** The exit to tell, where more is known than the process's own. */
  judge(exit: ExitInfo, listening: boolean): Promise<ExitInfo>
  /** Keeps this process from waiting for it. */
  letGo(): void
  /** Ends what belongs to it, after its last process: output, files, records. */
  cleanUp(): Promise<void>
}

/** One running incarnation: where it listens, what it prints, and its end with all of its processes. */
export class ProcessInstance {
  readonly handle: ProcessHandle
  readonly folder: string
  readonly tree: ProcessTree
  readonly output: OutputBuffer
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<ExitInfo>
  readonly #started = Promise.withResolvers<void>()
  /** Resolves when it is past its own start: it listens, or nothing of it is left. */
  readonly started = this.#started.promise
  readonly #observers = new Set<InstanceObserver>()
  readonly #listener: Listener
  readonly #endHints: () => void
  #endpoint: Endpoint | undefined
  #suspended: boolean
  #exit: ExitInfo | undefined
  /** Known before the process's own end: its port was a stranger's. */
  #verdict: ExitInfo | undefined

  constructor(
    private readonly parts: InstanceParts,
    suspended = false,
  ) {
    this.handle = parts.handle
    this.folder = parts.folder
    this.tree = parts.tree
    this.output = parts.output ?? new OutputBuffer()
    this.#suspended = suspended
    const note = (line: string): void => this.output.add(line)
    this.#listener = parts.listen({
      note,
      endpoint: (endpoint) => this.#found(endpoint),
      portTaken: (message) => {
        this.#verdict = { reason: 'port-taken', message }
        // What can't be ended is told by stop(), which core calls for every failed start.
        this.tree.end(0).catch(() => {})
      },
    })
    this.#endHints = parts.watchForMisplaced(this.#listener, note)
    this.gone = this.#untilGone()
  }

  get status(): Status {
    if (this.#exit) return { is: 'gone', exit: this.#exit }
    if (!this.#endpoint) return { is: 'pending' }
    return { is: this.#suspended ? 'suspended' : 'running', endpoint: this.#endpoint }
  }

  observe(observer: InstanceObserver, signal: AbortSignal): Status {
    this.output.listen((line) => observer.log(line), signal)
    if (!signal.aborted && !this.#exit) {
      this.#observers.add(observer)
      signal.addEventListener('abort', () => this.#observers.delete(observer), { once: true })
    }
    return this.status
  }

  /** Ends all of it. */
  async stop(graceMs: number): Promise<void> {
    await this.tree.end(graceMs)
    await this.gone
  }

  async suspend(): Promise<void> {
    await this.tree.suspend()
    this.#setSuspended(true)
  }

  async resume(): Promise<void> {
    await this.tree.resume()
    this.#setSuspended(false)
  }

  /** Tells nobody anything any more; its end is still seen to. */
  letGo(): void {
    this.#listener.close()
    this.#endHints()
    this.#observers.clear()
    this.parts.letGo()
  }

  #setSuspended(suspended: boolean): void {
    if (this.#suspended === suspended || this.#exit) return
    this.#suspended = suspended
    if (this.#endpoint) this.#tell(this.status)
  }

  #found(endpoint: Endpoint): void {
    this.#endHints()
    if (this.#exit || (this.#endpoint && sameEndpoint(this.#endpoint, endpoint))) return
    this.#endpoint = endpoint
    this.#started.resolve()
    this.#tell(this.status)
  }

  async #untilGone(): Promise<ExitInfo> {
    const own = await this.parts.ended
    this.tree.changed()
    const listening = this.#endpoint !== undefined
    const exit = this.#verdict ?? (await this.parts.judge(own, listening).catch(() => own))
    // Before that, somebody could meet what is left of it: an open port, a file that is being written.
    await this.#endRest()
    this.#listener.close()
    this.#endHints()
    await this.parts.cleanUp()
    this.#exit = this.#verdict ?? exit
    this.#tell({ is: 'gone', exit: this.#exit })
    this.#observers.clear()
    this.#started.resolve()
    return this.#exit
  }

  async #endRest(): Promise<void> {
    try {
      await this.tree.endRest(orphanGraceMs)
    } catch (error) {
      this.output.add(`alcove: ${(error as Error).message}`)
    }
  }

  #tell(status: Status): void {
    for (const observer of this.#observers) observer.status(status)
  }
}
