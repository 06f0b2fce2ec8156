import type { Recipe } from './recipe.js'
import { startWaitingChild, type WarmParts } from './waiting-child.js'
import { WarmProcess } from './warm-process.js'

/** How long after a process's death the next one is made: twice as long after each, until one is taken over. */
const backOffMs = { first: 1000, most: 5 * 60_000 }

/** The waiting processes of one key: each is for one environment, once. */
export class WarmPool {
  #recipe: Recipe
  #size = 0
  #processes: readonly WarmProcess[] = []
  readonly #ending = new Set<Promise<void>>()
  #failure: string | undefined
  #deaths = 0
  #notBeforeMs = 0
  #ended = false

  constructor(
    recipe: Recipe,
    /** It may have less than it should have. */
    private readonly changed: () => void,
  ) {
    this.#recipe = recipe
  }

  /** Why no process could be made. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** An environment is started that could use one. */
  use(recipe: Recipe, size: number): void {
    this.#recipe = recipe
    this.#size = size
    for (const process of this.#processes.slice(size)) void this.#drop(process)
    // What could not be loaded may have been installed since; without anybody who asks it is not tried again.
    if (this.#failure) this.#notBeforeMs = 0
  }

  /** The ones that wait, for the caller to choose one from. */
  waiting(): readonly WarmProcess[] {
    return this.#processes.filter(({ isReady }) => isReady)
  }

  /** From now on it is the caller's alone. */
  take(process: WarmProcess): void {
    this.#remove(process)
    this.#deaths = 0
  }

  /** In how many milliseconds one is to be made; undefined: none. */
  wantsInMs(): number | undefined {
    // Those that load count as well.
    const isFull = this.#processes.length >= this.#size
    if (this.#ended || isFull || this.#notBeforeMs === Infinity) return undefined
    return Math.max(0, this.#notBeforeMs - performance.now())
  }

  /** Makes one, and resolves when it waits, with it, or is gone; `began` gets it meanwhile. */
  async fill(
    parts: WarmParts,
    began: (process: WarmProcess) => void,
  ): Promise<WarmProcess | undefined> {
    const recipe = this.#recipe
    const child = await startWaitingChild(recipe, parts).catch((error: unknown) => {
      this.#failed(error instanceof Error ? error.message : String(error))
    })
    if (!child) return undefined
    const process = new WarmProcess(recipe, child, parts)
    this.#processes = [...this.#processes, process]
    void process.ended.then(() => this.#died(process))
    if (this.#ended) {
      await this.#drop(process)
      return undefined
    }
    began(process)
    await process.load()
    if (process.failure) this.#failed(process.failure)
    else this.#failure = undefined
    return process.isReady ? process : undefined
  }

  /** Ends all; until nothing of them is left. */
  async end(): Promise<void> {
    this.#ended = true
    for (const process of this.#processes) void this.#drop(process)
    await Promise.all(this.#ending)
  }

  #failed(reason: string): void {
    this.#failure = reason
    this.#notBeforeMs = Infinity
  }

  #died(process: WarmProcess): void {
    if (!this.#processes.includes(process)) return
    void this.#drop(process)
    const waitMs = Math.min(backOffMs.first * 2 ** this.#deaths, backOffMs.most)
    this.#deaths += 1
    this.#notBeforeMs = Math.max(this.#notBeforeMs, performance.now() + waitMs)
    this.changed()
  }

  #drop(process: WarmProcess): Promise<void> {
    this.#remove(process)
    const ending = process.end().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
    return ending
  }

  #remove(process: WarmProcess): void {
    this.#processes = this.#processes.filter((other) => other !== process)
  }
}
