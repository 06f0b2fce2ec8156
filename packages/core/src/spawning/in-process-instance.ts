import type { Clock } from '../clock.js'
import type { Json } from '../environment/spec.js'
import { type InProcessApp, InProcessServer } from './in-process-server.js'
import type { ExitInfo, Sink, Status } from './spawner.js'

/** What an instance's application gets. */
export interface InProcessContext<Run extends Json = Json> {
  readonly id: string
  readonly generation: number
  readonly owner: string
  readonly run: Run
  /** Aborts when the instance is stopped or ends: the time to clear timers and to close what the application has opened. */
  readonly signal: AbortSignal
  /** Prints a line, or several, as a program would. */
  log(text: string): void
  /**
   * Ends the instance at once, as the end of a program would: its connections are cut, and its end is told.
   *
   * @param how - An exit code, or a whole exit. @default 0
   */
  exit(how?: number | ExitInfo): void
}

/** Whom an instance's spawner tells what happens to it. */
export type InProcessObserver = Sink & { status(now: Status): void }

/** How many lines wait for an observer. */
const maxUnread = 1_000

/** One application that runs within this process: its state, and who is told of it. */
export class InProcessInstance {
  readonly #clock: Clock
  readonly #startSink: Sink
  readonly #over = new AbortController()
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<void>
  #resolveGone: () => void = () => {}
  readonly #observers = new Set<InProcessObserver>()
  readonly #unread: string[] = []
  #started = false
  #status: Status = { is: 'pending' }
  #listening: Promise<InProcessServer> | undefined
  #server: InProcessServer | undefined
  #ended = false

  constructor(clock: Clock, startSink: Sink) {
    this.#clock = clock
    this.#startSink = startSink
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve
    })
  }

  /** Resolves when the application listens, or has ended already. After a rejection, `end()` leaves nothing of it. */
  async start(
    makeApp: (own: Pick<InProcessContext, 'signal' | 'log' | 'exit'>) => Promise<InProcessApp>,
    on: 'socket' | 'port',
    signal: AbortSignal,
  ): Promise<void> {
    const app = await orAborted(
      makeApp({
        signal: this.#over.signal,
        log: (text) => text.split(/\r?\n/).forEach((line) => this.#log(line)),
        exit: (how = 0) => {
          void this.end(typeof how === 'number' ? { reason: 'exited', exitCode: how } : how)
        },
      }),
      AbortSignal.any([signal, this.#over.signal]),
    )
    signal.throwIfAborted()
    if (!this.#ended) {
      this.#listening = InProcessServer.listen(app, on)
      const server = await this.#listening
      signal.throwIfAborted()
      this.#serve(server)
    }
    this.#started = true
  }

  /** The present status; then `to` is told what changes, and the lines that nobody has read yet. */
  observe(to: InProcessObserver, signal: AbortSignal): Status {
    for (const line of this.#unread.splice(0)) to.log(line)
    if (this.#status.is !== 'gone') {
      this.#observers.add(to)
      signal.addEventListener('abort', () => this.#observers.delete(to), { once: true })
    }
    return this.#status
  }

  /** Tells nobody any more. */
  unobserve(): void {
    this.#observers.clear()
  }

  /** Lets requests come to their end for `graceMs`, then cuts what is left; resolves when it is gone. */
  async stop(graceMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#over.abort(new Error('the environment is stopped'))
    const timer = this.#clock.setTimer(graceMs, () => {
      const message = `connections were still open after ${graceMs} ms`
      void this.end({ reason: 'exited', exitCode: 0, message })
    })
    // Also for a caller that does not wait any longer: what was begun is brought to its end.
    const gone = this.gone.then(() => timer.cancel())
    this.#server?.close()
    await orAborted(gone, signal)
    if (!this.#ended) signal.throwIfAborted()
  }

  /** Cuts all connections and leaves nothing behind; only the first end counts. Resolves when it is gone. */
  async end(exit: ExitInfo): Promise<void> {
    if (!this.#ended) {
      this.#ended = true
      this.#over.abort(new Error('the environment has ended'))
      const server = await this.#listening?.catch(() => undefined)
      await server?.cut()
      this.#status = { is: 'gone', exit }
      for (const observer of this.#observers) observer.status(this.#status)
      this.#observers.clear()
      this.#resolveGone()
    }
    await this.gone
  }

  #serve(server: InProcessServer): void {
    if (this.#ended) return
    this.#server = server
    this.#status = { is: 'running', endpoint: server.endpoint }
    void server.closed.then(() => this.end({ reason: 'exited', exitCode: 0 }))
  }

  #log(line: string): void {
    if (this.#ended) return
    if (!this.#started) {
      this.#startSink.log(line)
    } else if (this.#observers.size > 0) {
      for (const observer of this.#observers) observer.log(line)
    } else {
      this.#unread.push(line)
      if (this.#unread.length > maxUnread) this.#unread.shift()
    }
  }
}

/** Settles as `work` does, or resolves to nothing when the signal aborts. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
