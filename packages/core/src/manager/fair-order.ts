/** How many owners' last turns are kept before those that no longer matter are forgotten. */
const sweptAbove = 256

/**
 * Gives out turns so that owners are served alternately, however many places in the queue one of them takes: start-time fair
 * queueing with work of one size (Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996). Equal turns are first come,
 * first served.
 */
export class FairOrder {
  #now = 0
  /** The turn that each owner was given last: the next one comes after it, and whoever just came can't overtake by being new. */
  readonly #last = new Map<string, number>()
  #sweepAt = sweptAbove

  /** How many owners are known. */
  get remembered(): number {
    return this.#last.size
  }

  /** The turn of one more of an owner; lower turns are served first. */
  next(owner: string): number {
    const turn = Math.max(this.#now, (this.#last.get(owner) ?? -1) + 1)
    this.#last.set(owner, turn)
    if (this.#last.size > this.#sweepAt) this.#sweep()
    return turn
  }

  /** A turn is being served: whoever comes from now on comes no earlier. */
  served(turn: number): void {
    this.#now = Math.max(this.#now, turn)
  }

  /** Nobody waits: what was is of no matter to those who come. */
  reset(): void {
    this.#now = 0
    this.#last.clear()
  }

  #sweep(): void {
    for (const [owner, turn] of this.#last) if (turn < this.#now) this.#last.delete(owner)
    this.#sweepAt = Math.max(sweptAbove, 2 * this.#last.size)
  }
}
