import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import { InterimFilter } from './interim-filter.js'
import type { ReadLine } from './read-turns.js'
import { Reads } from './reads.js'

/** A handler that wants to know which connection it got. */
export interface ConnectionAware extends Dispatcher.DispatchHandler {
  connection: Connection | undefined
  /** All that has been read has been told; called where it was asked for. */
  readEnded?(): void
}

/** Who keeps a connection. */
export interface ConnectionOwner {
  /** Where its connections wait to be read on. */
  readonly readLine: ReadLine
  /** It may be given another request. */
  idle(): void
  /** It has ended, or could not be made, and is of no more use. */
  over(): void
}

/** One connection of a set, which knows whether it has carried a request before. */
export class Connection extends Client {
  readonly #owner: ConnectionOwner
  #idle = false
  #requests = 0
  #socket: Socket | undefined
  #filter: InterimFilter | undefined
  #reads: Reads | undefined
  #waiting: ConnectionAware | undefined

  constructor(
    origin: URL,
    options: Client.Options,
    connectorOf: (reads: Reads) => buildConnector.connector,
    owner: ConnectionOwner,
  ) {
    let watch: (socket: Socket, reads: Reads) => void = () => {}
    super(origin, {
      ...options,
      connect: (target, callback) => {
        const reads = new Reads(owner.readLine)
        connectorOf(reads)(target, (...result) => {
          if (result[1]) watch(result[1], reads)
          callback(...result)
        })
      },
    })
    watch = (socket, reads) => this.#watch(socket, reads)
    this.#owner = owner
    this.on('drain', () => this.free())
    this.on('disconnect', () => {
      this.#requests = 0
      this.#endUnused()
    })
    this.on('connectionError', () => this.#endUnused())
  }

  /** Takes it from among the idle ones. @returns `false` where it has ended meanwhile */
  take(): boolean {
    this.#idle = false
    return this.#socket?.destroyed !== true
  }

  /** Its request is done. undici itself says so later, after a turn of the event loop, and sends nothing before. */
  free(): void {
    if (this.#idle || this.closed) return
    this.#idle = true
    this.#owner.idle()
  }

  /** What it was for has failed: whether it waits for anything else is known a turn later. */
  failed(): void {
    setImmediate(() => {
      if (this.stats.size === 0) this.free()
    })
  }

  /** Tells a handler once when all that has been read so far has been told. */
  afterRead(handler: ConnectionAware): void {
    this.#waiting = handler
  }

  /** Says so to the one that waits for it, where it is this one. */
  readEnded(handler = this.#waiting): void {
    if (!handler || this.#waiting !== handler) return
    this.#waiting = undefined
    handler.readEnded?.()
  }

  /** Says that nothing of what has just been read is kept: its memory may be used again. */
  readPassed(): void {
    if (this.#reads) this.#reads.isPassed = true
  }

  #endUnused(): void {
    if (this.stats.size > 0 || this.closed) return
    this.#owner.over()
    this.close().catch(() => {})
  }

  /** Counts one more request. @returns whether there were others before */
  use(): boolean {
    this.#filter?.expect()
    this.#requests += 1
    return this.#requests > 1
  }

  /** Whether any byte of the answer that is waited for has come. */
  get answers(): boolean {
    return this.#filter?.came ?? false
  }

  /**
   * Whether it broke, and did not just end: an answer that ends with it is cut then (RFC 9112 §8), though undici takes it for whole.
   */
  get broke(): boolean {
    return (this.#socket?.errored ?? undefined) !== undefined
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: ConnectionAware): boolean {
    handler.connection = this
    return super.dispatch(options, handler)
  }

  #watch(socket: Socket, reads: Reads): void {
    this.#socket = socket
    this.#reads = reads
    this.#filter = new InterimFilter()
    reads.of(socket)
    const { read } = socket
    const filter = this.#filter
    const ended = (): void => this.readEnded()
    // undici reads what has come with read(), and takes a 100 that it did not ask for as the end of everything.
    socket.read = function readFiltered(this: Socket, size?: number): unknown {
      const isDirect = reads.began && size === undefined && this.readableLength === 0
      // Not with a socket's own function, where it is stopped: that reads on at once.
      const readKept = reads.began ? Duplex.prototype.read : read
      const chunk: unknown = isDirect ? reads.take() : readKept.call(this, size)
      if (chunk !== null) return filter.pass(chunk as Buffer)
      ended()
      return null
    }
  }
}
