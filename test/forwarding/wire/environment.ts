import { mkdtemp, rename, rm } from 'node:fs/promises'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../subject.ts'
import { Watch } from './watch.ts'
import { Wire } from './wire.ts'

/** An environment made of nothing but a socket: a case reads and writes each byte. */
export class Environment {
  /** Those that a proxy has sent something on; one that only looks whether somebody is there does not count. */
  readonly connections: Wire[] = []
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
  readonly #sockets = new Set<Socket>()
  readonly #watch = new Watch()
  readonly #folder: string | undefined
  #target: Target
  #taken = 0

  private constructor(target: Target, folder: string | undefined) {
    this.#target = target
    this.#folder = folder
  }

  static async listen(kind: Target['kind']): Promise<Environment> {
    const folder = kind === 'unix' ? await mkdtemp(join(tmpdir(), 'alcove-case-')) : undefined
    const environment = new Environment(
      folder === undefined
        ? { kind: 'tcp', host: '127.0.0.1', port: 0 }
        : { kind: 'unix', path: join(folder, 's') },
      folder,
    )
    await environment.start()
    return environment
  }

  get target(): Target {
    return this.#target
  }

  /** Listens, where it always does. */
  async start(): Promise<void> {
    const target = this.#target
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(target.kind === 'unix' ? { path: target.path } : target, resolve)
    })
    if (target.kind === 'tcp') {
      this.#target = { ...target, port: (this.#server.address() as AddressInfo).port }
    }
  }

  /** Takes no further connections. Those that stand stay; a socket file goes, or stays without anybody behind it. */
  async stop(file: 'goes' | 'stays' = 'goes'): Promise<void> {
    const target = this.#target
    // Node.js removes the file that it has made.
    const stays = file === 'stays' && target.kind === 'unix'
    if (stays) await rename(target.path, `${target.path}-`)
    this.#server.close()
    if (stays) await rename(`${target.path}-`, target.path)
  }

  /** The next connection with a request that nobody has taken yet: a new one, or one of `used` that carries another. */
  connection(...used: readonly (Wire | undefined)[]): Promise<Wire> {
    return this.#next(used, () => false)
  }

  /** The same, or what comes of something else where that is sooner; then the connection is left to others. */
  async connectionOr<T>(other: Promise<T>, ...used: readonly Wire[]): Promise<Wire | T> {
    let over = false
    try {
      return await Promise.race([other, this.#next(used, () => over)])
    } finally {
      over = true
    }
  }

  async #next(used: readonly (Wire | undefined)[], over: () => boolean): Promise<Wire> {
    let taken: Wire | undefined
    await this.#watch.until(
      () => {
        if (!over()) taken = used.find((wire) => wire && wire.received !== '') ?? this.#take()
        return taken !== undefined
      },
      () => (over() ? 'It is not waited for any more' : undefined),
      () => 'expected a request to the environment, got none',
    )
    return taken as unknown as Wire
  }

  #take(): Wire | undefined {
    const wire = this.connections[this.#taken]
    if (wire) this.#taken += 1
    return wire
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const wire = new Wire(socket)
    socket.once('data', () => this.connections.push(wire))
    // After the wire's own listener, so that what came is there.
    socket.on('data', () => this.#watch.note())
  }
}
