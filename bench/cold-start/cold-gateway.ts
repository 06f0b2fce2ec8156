import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { devEnvProxy, type Gateway } from '@alcove/core'
import { ask } from './ask.ts'

/** A gateway in this process, of which each environment is new. */
export class ColdGateway implements AsyncDisposable {
  readonly #programs: ReadonlyMap<string, string>
  readonly #gateway: Gateway
  readonly #server: Server
  #started = 0

  private constructor(programs: ReadonlyMap<string, string>) {
    this.#programs = programs
    this.#gateway = devEnvProxy({
      specFor: ({ id }) => ({
        run: { command: [process.execPath, this.#programs.get(id.replace(/-\d+$/, '')) ?? ''] },
      }),
    })
    this.#server = createServer((request, response) => void this.#gateway(request, response))
  }

  /** @param programs - By the names of their environments. */
  static async open(programs: ReadonlyMap<string, string>): Promise<ColdGateway> {
    const gateway = new ColdGateway(programs)
    gateway.#server.listen(0, '127.0.0.1')
    await once(gateway.#server, 'listening')
    return gateway
  }

  /**
   * Milliseconds from a request to an environment that has never run to its complete answer. That it is stopped afterwards
   * is not counted.
   */
  async start(name: string): Promise<number> {
    const { port } = this.#server.address() as AddressInfo
    const id = `${name}-${(this.#started += 1)}`
    const began = performance.now()
    await ask({ port, headers: { 'x-env-id': id } })
    const tookMs = performance.now() - began
    await this.#gateway.manager.stop(id, { drainMs: 0 })
    return tookMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.#gateway.close({ drainMs: 0 })
    this.#server.closeAllConnections()
    await closed
  }
}
