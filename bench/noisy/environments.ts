import { loadCore } from './cores.ts'
import { NodeProgram } from './node-program.ts'
import type { Routes } from './programs/routes.ts'

export const quiet = 'quiet'
export const flooded = 'flooded'
export const burners: readonly string[] = ['burner-1', 'burner-2', 'burner-3', 'burner-4']

/** Environments, each in a process of its own. */
export class Environments implements AsyncDisposable {
  readonly routes: Routes
  readonly #programs: AsyncDisposableStack

  private constructor(routes: Routes, programs: AsyncDisposableStack) {
    this.routes = routes
    this.#programs = programs
  }

  /** @throws where one does not start; none is left then */
  static async start(names: readonly string[]): Promise<Environments> {
    await using programs = new AsyncDisposableStack()
    const routes = new Map<string, number>()
    for (const name of names) {
      const [program, port] = await NodeProgram.start<number>('environment', [], { core: loadCore })
      programs.use(program)
      routes.set(name, port)
    }
    return new Environments(routes, programs.move())
  }

  /** Ends them, and resolves when they are gone. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs.disposeAsync()
  }
}
