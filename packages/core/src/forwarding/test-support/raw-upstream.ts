import { mkdtemp, rm } from 'node:fs/promises'
import { type Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../environment/endpoint.js'
import { Wire } from './wire.js'

/** Where a raw server is to listen. */
export type Transport = 'tcp' | 'unix'

/** An environment made of nothing but a socket: the test reads and writes each byte. */
export class RawUpstream implements AsyncDisposable {
  readonly connections: Wire[] = []
  readonly #waiting: ((wire: Wire) => void)[] = []
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
  #taken = 0
  #folder: string | undefined
  endpoint!: Endpoint

  private constructor(private readonly how: { readonly read?: boolean }) {}

  static async listen(
    transport: Transport = 'tcp',
    how: { readonly read?: boolean } = {},
  ): Promise<RawUpstream> {
    const upstream = new RawUpstream(how)
    await upstream.#listen(transport)
    return upstream
  }

  async #listen(transport: Transport): Promise<void> {
    const server = this.#server
    if (transport === 'unix') {
      this.#folder = await mkdtemp(join(tmpdir(), 'alcove-test-'))
      const path = join(this.#folder, 'up.sock')
      await new Promise<void>((resolve) => server.listen(path, resolve))
      this.endpoint = { kind: 'unix', path }
    } else {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      if (typeof address !== 'object' || address === null) throw new Error('no address')
      this.endpoint = { kind: 'tcp', host: '127.0.0.1', port: address.port }
    }
  }

  #accept(socket: Socket): void {
    const wire = new Wire(socket, this.how)
    this.connections.push(wire)
    const next = this.#waiting.shift()
    if (next) {
      this.#taken += 1
      next(wire)
    }
  }

  /** The next connection that nobody has taken yet. */
  connection(): Promise<Wire> {
    const wire = this.connections[this.#taken]
    if (wire) {
      this.#taken += 1
      return Promise.resolve(wire)
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Takes no further connections; those that stand stay. */
  refuse(): void {
    this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true })
  }
}
