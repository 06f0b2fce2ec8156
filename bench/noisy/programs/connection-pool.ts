import { setTimeout as delay } from 'node:timers/promises'
import type { Place } from '../held-rate.ts'
import { KeptConnection, type Outcome } from './kept-connection.ts'

/** A client that waits for a free connection is one that a browser's limits hold up; this one measures the gateway. */
const mostConnections = 1024

/** Connections that are open before they are needed; more are opened where all are busy. */
export class ConnectionPool {
  readonly #place: Place
  readonly #all = new Set<KeptConnection>()
  /** The one that has been idle for longest is used first, so that none is for as long as servers close them. */
  readonly #idle: KeptConnection[] = []
  readonly #waiting: ((connection: KeptConnection) => void)[] = []

  constructor(place: Place) {
    this.#place = place
  }

  /** Resolves when each of the first ones has been used once, or after some time: what is held then will say so itself. */
  async open(atMostMs: number): Promise<void> {
    const first = Array.from({ length: this.#place.connections }, () => this.#add())
    const used = first.map((connection) => new Promise((resolve) => this.#use(connection, resolve)))
    await Promise.race([Promise.all(used), delay(atMostMs, undefined, { ref: false })])
  }

  /** Sends a request as soon as a connection is free, and calls `onSent` then. */
  ask(onSent: () => void, outcome: Outcome): void {
    const send = (connection: KeptConnection): void => {
      onSent()
      this.#use(connection, outcome)
    }
    const connection =
      this.#idle.shift() ?? (this.#all.size < mostConnections ? this.#add() : undefined)
    if (connection === undefined) this.#waiting.push(send)
    else send(connection)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #use(connection: KeptConnection, outcome: Outcome): void {
    connection.ask((what) => {
      outcome(what)
      // A status: otherwise it is closed.
      if (typeof what === 'number') this.#give(connection)
    })
  }

  #give(connection: KeptConnection): void {
    const send = this.#waiting.shift()
    if (send === undefined) this.#idle.push(connection)
    else send(connection)
  }

  #add(): KeptConnection {
    const { port, environment } = this.#place
    const connection = new KeptConnection(port, environment, () => {
      this.#all.delete(connection)
      const at = this.#idle.indexOf(connection)
      if (at !== -1) this.#idle.splice(at, 1)
      const send = this.#waiting.shift()
      if (send !== undefined) send(this.#add())
    })
    this.#all.add(connection)
    return connection
  }
}
