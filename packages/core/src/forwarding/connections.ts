import { type Client, type Dispatcher, buildConnector, errors } from 'undici'
import { Connection, type ConnectionAware } from './connection.js'
import type { ReadLine } from './read-turns.js'
import type { Reads } from './reads.js'

/** How all connections of a set are made. */
export interface ConnectionsOptions extends Omit<Client.Options, 'connect'> {
  /** In the place of connecting to the origin, or to `socketPath`. */
  readonly connect?: buildConnector.connector
  readonly connectTimeout?: number
}

/**
 * The connections to one origin, as many as there are requests at a time.
 *
 * In the place of undici's Pool, which looks through all of them twice for each request, and takes a connection for busy until a turn
 * of the event loop after its answer.
 */
export class Connections {
  readonly #origin: URL
  readonly #options: Client.Options
  readonly #connectorOf: (reads: Reads) => buildConnector.connector
  /** All that are open, or about to be. */
  readonly #all = new Set<Connection>()
  /** Those without a request; the one used last is taken first, so that those there are too many of may time out. */
  readonly #idle: Connection[] = []
  readonly #readLine: ReadLine = []
  #closed: Error | undefined

  constructor(origin: string, { connectTimeout, connect, ...options }: ConnectionsOptions) {
    const { socketPath } = options
    this.#origin = new URL(origin)
    this.#options = options
    this.#connectorOf = connect
      ? () => connect
      : ({ onread }) =>
          buildConnector({
            allowH2: false,
            onread,
            ...(connectTimeout !== undefined && { timeout: connectTimeout }),
            ...(socketPath !== undefined && { socketPath }),
          })
  }

  /** Whether nothing passes. */
  get idle(): boolean {
    return this.#idle.length === this.#all.size
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: ConnectionAware): void {
    if (this.#closed) {
      handler.onResponseError?.(null as never, this.#closed)
      return
    }
    let connection = this.#idle.pop()
    // One that has ended is about to be left out.
    while (connection && !connection.take()) connection = this.#idle.pop()
    ;(connection ?? this.#open()).dispatch(options, handler)
  }

  /** Lets what runs end, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed ??= new errors.ClientClosedError()
    await Promise.all(Array.from(this.#all, (connection) => connection.close()))
  }

  async destroy(): Promise<void> {
    this.#closed = new errors.ClientDestroyedError()
    await Promise.all(Array.from(this.#all, (connection) => connection.destroy()))
  }

  #open(): Connection {
    const connection = new Connection(this.#origin, this.#options, this.#connectorOf, {
      readLine: this.#readLine,
      idle: () => this.#idle.push(connection),
      over: () => {
        this.#all.delete(connection)
        const at = this.#idle.indexOf(connection)
        if (at >= 0) this.#idle.splice(at, 1)
      },
    })
    this.#all.add(connection)
    return connection
  }
}
