/** How far apart two attempts are, as a part of the time waited so far: so late is the last one at most. */
const share = 0.05

/** Calls `attempt` until it returns true or is ended: at once, and then at distances that grow with the time waited. */
export class Retry {
  #timer: NodeJS.Timeout | undefined
  #beganMs = 0
  #running = false
  #again = false
  #ended = false

  constructor(
    private readonly attempt: () => Promise<boolean>,
    private readonly distance: { readonly leastMs: number; readonly mostMs: number },
  ) {}

  /** Begins, or begins anew with the shortest distance. */
  now(): void {
    if (this.#ended) return
    this.#beganMs = performance.now()
    clearTimeout(this.#timer)
    void this.#run()
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    const done = await this.attempt().catch(() => false)
    this.#running = false
    if (this.#ended) return
    if (this.#again) {
      this.#again = false
      void this.#run()
    } else if (!done) {
      const { leastMs, mostMs } = this.distance
      const waitMs = Math.max(
        leastMs,
        Math.min((performance.now() - this.#beganMs) * share, mostMs),
      )
      this.#timer = setTimeout(() => void this.#run(), waitMs).unref()
    }
  }
}
