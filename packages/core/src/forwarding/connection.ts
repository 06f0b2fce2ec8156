import type { Socket } from 'node:net'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import { InterimFilter } from './interim-filter.js'

/** A handler that wants to know which connection it got. */
export interface ConnectionAware extends Dispatcher.DispatchHandler {
  connection: Connection | undefined
}

/** One connection of a pool, which knows whether it has carried a request before. */
export class Connection extends Client {
  #requests = 0
  #socket: Socket | undefined
  #filter: InterimFilter | undefined

  /** @param options - Those of a pool, which has made a function of how to connect. */
  constructor(origin: URL, options: Client.Options) {
    const connect = options.connect as buildConnector.connector
    let take: (socket: Socket) => void = () => {}
    super(origin, {
      ...options,
      connect: (target, callback) => {
        connect(target, (...result) => {
          if (result[1]) take(result[1])
          callback(...result)
        })
      },
    })
    take = (socket) => this.#take(socket)
    this.on('disconnect', () => {
      this.#requests = 0
    })
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

  #take(socket: Socket): void {
    this.#socket = socket
    this.#filter = new InterimFilter()
    const { read } = socket
    const filter = this.#filter
    // undici reads what has come with read(), and takes a 100 that it did not ask for as the end of everything.
    socket.read = function readFiltered(this: Socket, size?: number): unknown {
      const chunk: unknown = read.call(this, size)
      return Buffer.isBuffer(chunk) ? filter.pass(chunk) : chunk
    }
  }
}
