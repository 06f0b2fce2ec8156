import type { WarmParts } from './waiting-child.js'
import type { WarmPool } from './warm-pool.js'
import type { WarmProcess } from './warm-process.js'

/** How long nothing may have been started: the first requests to what was started last come now. */
const quietMs = 200
/** A program that does not listen after this time keeps nobody else waiting. */
const startLimitMs = 30_000

/**
 * Makes processes that wait, at low priority: one at a time for all pools, only while no environment is being started, and one that
 * loads is stopped while one is (SIGSTOP). Not by nice(2): a process can't take its niceness back without CAP_SYS_NICE, so that
 * an environment would keep it (setpriority(2)).
 */
export class Refill {
  #starts = 0
  #parts: WarmParts | undefined
  #loading: WarmProcess | undefined
  #filling: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(
    /** The one that was used last at the end. */
    private readonly pools: () => readonly WarmPool[],
    /** One waits now. */
    private readonly waits: (pid: number) => void,
  ) {}

  /** An environment is being started; to be called back once it is past that, or failed. */
  startBegins(parts: WarmParts): () => void {
    this.#parts = parts
    this.#starts += 1
    clearTimeout(this.#timer)
    this.#loading?.pause()
    let isOver = false
    const over = (): void => {
      clearTimeout(limit)
      if (isOver) return
      isOver = true
      this.#starts -= 1
      this.look()
    }
    const limit = setTimeout(over, startLimitMs).unref()
    return over
  }

  /** Fills what is to be filled, a moment from now. */
  look(inMs = quietMs): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#starts > 0) return
    this.#timer = setTimeout(() => this.#next(), Math.min(inMs, 2 ** 31 - 1)).unref()
  }

  /** Nothing is made from now on; until what was being made is made, or gone. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#filling
  }

  #next(): void {
    this.#loading?.resume()
    if (this.#filling || !this.#parts) return
    const wanting = this.pools()
      .toReversed()
      .map((pool) => ({ pool, inMs: pool.wantsInMs() ?? Infinity }))
    const next = wanting.find(({ inMs }) => inMs === 0)
    if (next) {
      this.#filling = this.#fill(next.pool, this.#parts)
      return
    }
    const inMs = Math.min(...wanting.map((one) => one.inMs))
    if (inMs < Infinity) this.look(inMs)
  }

  async #fill(pool: WarmPool, parts: WarmParts): Promise<void> {
    try {
      const made = await pool.fill(parts, (process) => {
        this.#loading = process
        // One may have begun while this process was made.
        if (this.#starts > 0) process.pause()
      })
      if (made) this.waits(made.pid)
    } finally {
      this.#loading = undefined
      this.#filling = undefined
      this.look(0)
    }
  }
}
