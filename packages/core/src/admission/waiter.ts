import type { AlcoveError } from '../errors.js'
import type { Held } from './held.js'
import type { Line } from './line.js'
import type { Linked, LinkedList } from './linked-list.js'
import type { Place } from './place.js'

/** A request in line for a place. */
export class Waiter implements Linked<Waiter> {
  list: LinkedList<Waiter> | undefined
  before: Waiter | undefined
  after: Waiter | undefined
  /** The place, `undefined` once it has left; rejects with the error to answer with. */
  readonly place: Promise<Place | undefined>
  /** Called when it waits no more, however that ends; not where it did not wait at all. */
  onEnd: (() => void) | undefined
  #resolve: (place: Place | undefined) => void = () => {}
  #reject: (error: AlcoveError) => void = () => {}

  constructor(
    readonly line: Line,
    readonly dueMs: number,
    /** What it keeps in memory. */
    readonly held: Held,
  ) {
    this.place = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Its turn has come. */
  admit(place: Place): void {
    this.#end()
    this.#resolve(place)
  }

  turnAway(error: AlcoveError): void {
    this.#end()
    this.#reject(error)
  }

  /** It does not wait any more; too late once it has its place. Idempotent. */
  leave(): void {
    this.#end()
    this.#resolve(undefined)
  }

  #end(): void {
    this.list?.remove(this)
    this.held.release()
    this.onEnd?.()
    this.onEnd = undefined
  }
}
