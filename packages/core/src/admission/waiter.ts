import type { AlcoveError } from '../errors.js'
import type { Held } from './held.js'
import type { Line } from './line.js'
import type { Linked, LinkedList } from './linked-list.js'
import type { Place } from './place.js'

/** Whoever waits for a place; told once of how that ends, unless it leaves. */
export interface Waiting {
  /** Its turn has come. Called while another request ends: what it does now holds that up. */
  admitted(place: Place): void
  turnedAway(error: AlcoveError): void
}

/** A request in line for a place. */
export class Waiter implements Linked<Waiter> {
  list: LinkedList<Waiter> | undefined
  before: Waiter | undefined
  after: Waiter | undefined
  /** What it keeps in memory. */
  held: Held | undefined

  constructor(
    readonly line: Line,
    readonly dueMs: number,
    private readonly who: Waiting,
  ) {}

  admit(place: Place): void {
    this.leave()
    this.who.admitted(place)
  }

  turnAway(error: AlcoveError): void {
    this.leave()
    this.who.turnedAway(error)
  }

  /** It does not wait any more; too late once it has its place. Idempotent. */
  leave(): void {
    this.list?.remove(this)
    this.held?.release()
  }
}
