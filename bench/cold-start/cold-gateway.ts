import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { devEnvProxy, type Gateway, type ProcessRun, type Spec } from '@alcove/core'
import { ask } from './ask.ts'

/** Milliseconds from a request to its complete answer. */
export interface Answers {
  /** Of an environment that has never run. */
  readonly coldMs: number
  /** Of one that runs. */
  readonly runningMs: number
  /** Of one that is frozen. */
  readonly resumedMs: number
}

/** Long enough to ask once more before. */
const suspendAfterMs = 100
/** Long enough to make the next process that waits, which is not counted. */
const refillMs = 1500

/** A gateway in this process, of which each environment is new. */
export class ColdGateway implements AsyncDisposable {
  readonly #programs: ReadonlyMap<string, string>
  readonly #gateway: Gateway
  readonly #server: Server
  #started = 0
  /** For that one nothing waits yet. */
  #isFirst = true

  private constructor(programs: ReadonlyMap<string, string>) {
    this.#programs = programs
    this.#gateway = devEnvProxy({
      specFor: ({ id }) => this.#specOf(id.replace(/-\d+$/, '')),
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

  /** Asks an environment that has never run, once more, and once it is frozen. That it is stopped afterwards is not counted. */
  async start(name: string): Promise<Answers> {
    const { manager } = this.#gateway
    const id = `${name}-${(this.#started += 1)}`
    const isSuspended = new Promise<void>((resolve) => {
      const listen = (change: { readonly id: string; readonly to: string }): void => {
        if (change.id !== id || change.to !== 'suspended') return
        manager.off('transition', listen)
        resolve()
      }
      manager.on('transition', listen)
    })
    const coldMs = await this.#ask(id)
    const runningMs = await this.#ask(id)
    await isSuspended
    const resumedMs = await this.#ask(id)
    await manager.stop(id, { drainMs: 0 })
    return { coldMs, runningMs, resumedMs }
  }

  /** Asks an environment that has never run, and whose modules a process that waits for it has loaded. */
  async startPrewarmed(name: string): Promise<number> {
    const { manager } = this.#gateway
    const id = `prewarmed-${name}-${(this.#started += 1)}`
    let isPrewarmed = false
    const listen = (step: { readonly id: string; readonly phase: string }): void => {
      if (step.id === id && step.phase === 'prewarmed') isPrewarmed = true
    }
    manager.on('progress', listen)
    const answerMs = await this.#ask(id)
    manager.off('progress', listen)
    await manager.stop(id, { drainMs: 0 })
    await delay(refillMs)
    if (isPrewarmed || this.#isFirst) {
      this.#isFirst = false
      return answerMs
    }
    throw new Error(`No process waited for ${id} after ${refillMs} ms`)
  }

  #specOf(environment: string): Spec<ProcessRun> {
    const name = environment.replace(/^prewarmed-/, '')
    const command = [process.execPath, this.#programs.get(name) ?? '']
    return name === environment
      ? { run: { command }, policy: { suspendAfterMs } }
      : { run: { command, prewarm: { size: 1, preload: [name] } } }
  }

  async #ask(id: string): Promise<number> {
    const { port } = this.#server.address() as AddressInfo
    const began = performance.now()
    await ask({ port, headers: { 'x-env-id': id } })
    return performance.now() - began
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.#gateway.close({ drainMs: 0 })
    this.#server.closeAllConnections()
    await closed
  }
}
