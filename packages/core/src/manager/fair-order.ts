/**
 * Gives out turns so that owners are served alternately, however many places in the queue one of them takes. Equal turns are first come,
 * first served.
 *
 * Fair queueing with work of one size, after Demers, Keshav and Shenker, "Analysis and Simulation of a Fair Queueing Algorithm",
 * SIGCOMM 1989: time goes on by one for each round in which every owner that waits is served once. So whoever has just come can't
 * overtake by being new, and those who wait are reached however many others come.
 */
export class FairOrder {
  #now = 0
  #step = 0
  /** The last turn that each owner has been given, and how many of them it waits for. */
  readonly #owners = new Map<string, { turn: number; waiting: number }>()
  /** Owners that wait. */
  #active = 0
  #sweepAt = 64

  /** How many owners are known. */
  get remembered(): number {
    return this.#owners.size
  }

  /** The turn of one more of an owner; lower turns are served first. */
  next(owner: string): number {
    let known = this.#owners.get(owner)
    if (!known) {
      known = { turn: Number.NEGATIVE_INFINITY, waiting: 0 }
      this.#owners.set(owner, known)
    }
    if (known.waiting === 0) this.#active += 1
    known.waiting += 1
    known.turn = Math.max(this.#now, known.turn + 1)
    return known.turn
  }

  /** A turn has come. */
  served(owner: string, turn: number): void {
    // The one before has been served by now, which was a part of a round.
    this.#now = Math.max(this.#now + this.#step, turn)
    this.#step = 1 / Math.max(1, this.#active)
    this.left(owner)
  }

  /** One has left without being served. */
  left(owner: string): void {
    const known = this.#owners.get(owner)
    if (!known) return
    known.waiting -= 1
    if (known.waiting > 0) return
    this.#active -= 1
    // One that was served just now is known a while longer, or it could come again before the others.
    if (known.turn + 1 <= this.#now) this.#owners.delete(owner)
    else if (this.#owners.size > this.#sweepAt) this.#forgetPast()
  }

  /** Owners whose next turn would be now are as good as new. */
  #forgetPast(): void {
    for (const [owner, { turn, waiting }] of this.#owners) {
      if (waiting === 0 && turn + 1 <= this.#now) this.#owners.delete(owner)
    }
    this.#sweepAt = Math.max(64, 2 * this.#owners.size)
  }
}
