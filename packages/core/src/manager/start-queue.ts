import PQueue from 'p-queue'

/** Bounds how many starts run at a time; the others wait in the order they came. */
export class StartQueue {
  readonly #queue: PQueue

  constructor(maxConcurrentStarts: number) {
    this.#queue = new PQueue({ concurrency: maxConcurrentStarts })
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Runs `work` in its turn. An abort takes it out of the queue; once it has begun, the abort is its own to heed. */
  async run(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    // p-queue would give the place of a running task away at its abort, before it has cleaned up.
    const waiting = new AbortController()
    const leave = (): void => waiting.abort(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', leave, { once: true })
    try {
      await this.#queue.add(
        () => {
          signal.removeEventListener('abort', leave)
          return work()
        },
        { signal: waiting.signal },
      )
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}
