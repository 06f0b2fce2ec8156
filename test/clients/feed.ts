/** Less than a test has, so that it says what it waited for and cleans up. */
const patienceMs = 10_000

interface Waiting<T> {
  readonly fits: (item: T) => boolean
  readonly take: (item: T) => void
}

/** What happens, in order; each item is taken once. */
export class Feed<T> {
  readonly #items: T[] = []
  readonly #waiting = new Set<Waiting<T>>()

  push(item: T): void {
    for (const waiting of this.#waiting) {
      if (!waiting.fits(item)) continue
      this.#waiting.delete(waiting)
      waiting.take(item)
      return
    }
    this.#items.push(item)
  }

  /** What has come and was not taken yet. */
  get untaken(): readonly T[] {
    return this.#items
  }

  /** The first that fits and was not taken yet; waits for it where it has not come. */
  async next(fits: (item: T) => boolean = () => true): Promise<T> {
    const index = this.#items.findIndex((item) => fits(item))
    if (index >= 0) return this.#items.splice(index, 1)[0] as T
    return new Promise((resolve, reject) => {
      const waiting: Waiting<T> = {
        fits,
        take: (late) => {
          clearTimeout(timer)
          resolve(late)
        },
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        const others = JSON.stringify(this.#items).slice(0, 2000)
        reject(new Error(`Waited ${patienceMs} ms for ${String(fits)}; what came is ${others}`))
      }, patienceMs)
      this.#waiting.add(waiting)
    })
  }
}
