import type { Held } from './held.js'
import { type Linked, LinkedList } from './linked-list.js'
import type { EnvironmentLimits } from './options.js'
import type { Place } from './place.js'
import type { Resting } from './rests.js'
import type { Waiter } from './waiter.js'

/** What one environment has under way and waiting, while it has any. */
export class Line implements Linked<Line> {
  /** Of those that take turns. */
  list: LinkedList<Line> | undefined
  before: Line | undefined
  after: Line | undefined
  /** How many visits are on their way through the gateway, whatever they do. */
  visits = 0
  /** Places of requests that the environment works on. */
  working = 0
  /** Places of bodies that stay open, event streams and tunnels. */
  streaming = 0
  /** Wait for a place to work. */
  readonly requests = new LinkedList<Waiter>()
  /** Uploads that wait for a place to stream. */
  readonly uploads = new LinkedList<Waiter>()
  /** Connections that are not read, since enough is in line. */
  readonly resting = new LinkedList<Resting>()
  /** Places whose bodies are open. */
  readonly bodies = new Set<Place>()

  /** All that it keeps in memory. */
  readonly held = new LinkedList<Held>()
  heldBytes = 0
  /** Of these, how many wait for a start. */
  startsWaited = 0
  startBytes = 0

  /** How many may work now. */
  cap: number
  /** How many it is left with, since it asks for most of what the gateway has too much of. */
  squeezedTo: number
  /** Has fewer places than its due, and none to wait in, since the gateway has too much to do. */
  squeezed = false
  /** Has half of its places while the event loop is busy all of its time, and some wait for one: see {@link LoadWatch}. */
  paced = false
  /** What is left of its share of the present round. */
  credit = 0
  /** In which turn of the loop it was served last. */
  turn = -1
  /** Requests that came since the last look at the load. */
  asked = 0
  /** The same for those that were let in. */
  served = 0
  /** How many are let in in a second, of late. */
  servedPerSecond = 0
  /** When the next refusal may be answered at the earliest. */
  nextRefusalMs = 0

  constructor(
    readonly id: string,
    readonly limits: EnvironmentLimits,
  ) {
    this.cap = limits.maxInFlight
    this.squeezedTo = limits.maxInFlight
  }

  /** Counts anew how many may work. */
  setCap(): void {
    const { maxInFlight } = this.limits
    this.cap = Math.min(this.squeezedTo, this.paced ? Math.ceil(maxInFlight / 2) : maxInFlight)
  }

  get queued(): number {
    return this.requests.length + this.uploads.length
  }

  /** How long a request that comes now would wait, as far as can be told. */
  get waitMs(): number {
    const perSecond = this.servedPerSecond
    return perSecond > 0 ? (this.requests.length / perSecond) * 1_000 : 0
  }
}
