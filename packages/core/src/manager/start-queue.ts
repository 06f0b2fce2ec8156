import PQueue from 'p-queue'
import type { Clock } from '../clock.js'
import type { QueuePosition } from '../events.js'
import { FairOrder } from './fair-order.js'

/** How much the last start counts in the mean of how long one takes. */
const newestShare = 0.2

interface Waiting {
  readonly owner: string
  readonly turn: number
}

/** Bounds how many starts run at a time; those who wait are served owner by owner, and each owner's in the order they came. */
export class StartQueue {
  readonly #queue: PQueue
  readonly #order = new FairOrder()
  /** In the order they came. */
  readonly #waiting = new Map<string, Waiting>()
  #meanMs: number | undefined

  constructor(
    private readonly maxConcurrentStarts: number,
    private readonly clock: Clock,
    /** Somebody came, or left, or was served: positions have changed. */
    private readonly changed: () => void = () => {},
  ) {
    this.#queue = new PQueue({ concurrency: maxConcurrentStarts })
  }

  /** Where each environment that waits stands, the next one first. */
  *positions(): Generator<[id: string, where: QueuePosition]> {
    // Sorting is stable, so that of equal turns the one that came first stays first.
    const inOrder = [...this.#waiting].toSorted(([, a], [, b]) => a.turn - b.turn)
    for (const [index, [id]] of inOrder.entries()) {
      const rounds = Math.ceil((index + 1) / this.maxConcurrentStarts) + 1
      const estimateMs = this.#meanMs === undefined ? undefined : Math.round(rounds * this.#meanMs)
      yield [id, { for: 'start', position: index + 1, of: inOrder.length, estimateMs }]
    }
  }

  /** Runs `work` in its turn. An abort takes it out of the queue; once it has begun, the abort is its own to heed. */
  async run<Result>(
    { id, owner }: { readonly id: string; readonly owner: string },
    work: () => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    // p-queue would give the place of a running task away at its abort, before it has cleaned up.
    const left = new AbortController()
    const leave = (): void => left.abort(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', leave, { once: true })
    const mine: Waiting = { owner, turn: this.#order.next(owner) }
    let hasTurn = false
    try {
      const done = this.#queue.add(
        () => {
          signal.removeEventListener('abort', leave)
          hasTurn = true
          this.#order.served(owner, mine.turn)
          this.#forget(id, mine)
          return this.#timed(work)
        },
        { signal: left.signal, priority: -mine.turn },
      )
      // One that has its turn at once waits for nobody.
      if (this.#queue.size > 0) {
        this.#waiting.set(id, mine)
        this.changed()
      }
      return await done
    } finally {
      signal.removeEventListener('abort', leave)
      if (!hasTurn) this.#order.left(owner)
      this.#forget(id, mine)
    }
  }

  #forget(id: string, waiting: Waiting): void {
    if (this.#waiting.get(id) !== waiting) return
    this.#waiting.delete(id)
    this.changed()
  }

  async #timed<Result>(work: () => Promise<Result>): Promise<Result> {
    const beganMs = this.clock.nowMs()
    const result = await work()
    // One that failed says nothing of how long a start takes.
    const tookMs = this.clock.nowMs() - beganMs
    this.#meanMs =
      this.#meanMs === undefined ? tookMs : this.#meanMs + newestShare * (tookMs - this.#meanMs)
    return result
  }
}
