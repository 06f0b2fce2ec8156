import { join } from 'node:path'
import { processSpawner } from '@alcove/core'

const never = new AbortController().signal

/** Milliseconds from the call of `start()`. */
export interface StartCost {
  /** Until it has resolved. */
  readonly startedMs: number
  /** Until the program, one of node:http, listens. */
  readonly listeningMs: number
}

/** One kind of spawner, for many starts. */
export class StartCosts implements AsyncDisposable {
  readonly #spawner: ReturnType<typeof processSpawner>

  constructor(cpuShare: number | false) {
    this.#spawner = processSpawner({ cpuShare })
  }

  async measure(): Promise<StartCost> {
    const command = [process.execPath, join(import.meta.dirname, '../programs/node-http.js')]
    const quiet = { log() {}, progress() {} }
    const context = { gateway: 'bench', id: 'a', generation: 1, owner: 'a', specHash: 'a' }
    const beganMs = performance.now()
    const handle = await this.#spawner.start({ command }, { ...context, ...quiet, signal: never })
    const startedMs = performance.now() - beganMs
    await new Promise<void>((resolve) => {
      const status = ({ is }: { readonly is: string }): void => {
        if (is === 'running') resolve()
      }
      void this.#spawner.observe(handle, { ...quiet, status }, never).then(status)
    })
    const listeningMs = performance.now() - beganMs
    await this.#spawner.stop(handle, { graceMs: 0, signal: never })
    return { startedMs, listeningMs }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spawner.close()
  }
}
