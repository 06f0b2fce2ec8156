import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { devEnvProxy, type Gateway } from '@alcove/core'
import { ask } from '../cold-start/ask.ts'
import type { Storm } from './storm.ts'

/** What came of a storm. */
export interface Answered {
  /** From the first request to the last answer. */
  readonly ms: number
  /** How many instances were started. */
  readonly starts: number
  /** What did not get the right answer, by why. */
  readonly failures: readonly string[]
}

/** A gateway in this process, of which each environment is new. */
export class StormGateway implements AsyncDisposable {
  readonly #storm: Storm
  readonly #gateway: Gateway
  readonly #server: Server
  #rounds = 0
  #starts = 0

  private constructor(program: string, storm: Storm) {
    this.#storm = storm
    this.#gateway = devEnvProxy({
      specFor: () => ({ run: { command: [process.execPath, program] } }),
      maxEnvironments: storm.environments,
      maxConcurrentStarts: storm.concurrency,
    })
    this.#gateway.manager.on('transition', ({ to }) => {
      if (to === 'starting') this.#starts += 1
    })
    this.#server = createServer((request, response) => void this.#gateway(request, response))
  }

  static async open(program: string, storm: Storm): Promise<StormGateway> {
    const gateway = new StormGateway(program, storm)
    gateway.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
    await once(gateway.#server, 'listening')
    return gateway
  }

  /** Asks for all at once. That they are stopped afterwards is not counted. */
  async round(): Promise<Answered> {
    const { environments, requests } = this.#storm
    const round = (this.#rounds += 1)
    const ids = Array.from({ length: environments }, (_, number) => `env-${round}-${number}`)
    const { port } = this.#server.address() as AddressInfo
    this.#starts = 0
    const failures: string[] = []
    const began = performance.now()
    // One for each, and again: nobody is first everywhere.
    await Promise.all(
      Array.from({ length: requests }, () => ids)
        .flat()
        .map(async (id) => {
          try {
            await ask({ port, headers: { 'x-env-id': id } })
          } catch (error) {
            failures.push(String(error))
          }
        }),
    )
    const ms = performance.now() - began
    const starts = this.#starts
    await Promise.all(ids.map((id) => this.#gateway.manager.stop(id, { drainMs: 0 })))
    return { ms, starts, failures }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.#gateway.close({ drainMs: 0 })
    this.#server.closeAllConnections()
    await closed
  }
}
