import { mkdtempSync, rmSync } from 'node:fs'
import { type Server, type Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StaticEndpoint } from '@alcove/core'
import { EnvironmentConnection } from './environment-connection.ts'
import type { Ledger } from '../record.ts'
import type { EnvironmentName } from '../scenario/scenario.ts'

/** An environment made of nothing but a socket, which does with each request what is planned for it. */
export class RawEnvironment {
  readonly sockets = new Set<Socket>()
  readonly #server: Server
  readonly #folder: string | undefined
  endpoint!: StaticEndpoint
  /** What a run is written down in. */
  ledger: Ledger

  constructor(
    readonly name: EnvironmentName,
    ledger: Ledger,
  ) {
    this.ledger = ledger
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
      new EnvironmentConnection(this.name, socket, this.ledger).listen()
    })
    this.#folder = name === 'unix' ? mkdtempSync(join(tmpdir(), 'alcove-fuzz-')) : undefined
  }

  async listen(): Promise<void> {
    const server = this.#server
    if (this.#folder !== undefined) {
      const path = join(this.#folder, 's')
      await new Promise<void>((resolve) => server.listen(path, resolve))
      this.endpoint = { kind: 'unix', path }
      return
    }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (typeof address !== 'object' || address === null) throw new Error('no address')
    this.endpoint = { kind: 'tcp', host: '127.0.0.1', port: address.port }
  }

  /** Ends all its connections. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.hangUp()
    await new Promise((resolve) => this.#server.close(resolve))
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }
}
