import { quote } from '../errors.js'
import { type LimitError, OverloadedError, QueueFullError } from '../limit-errors.js'
import type { Line } from './line.js'
import type { Linked, LinkedList } from './linked-list.js'

/** How much all environments together may have waiting. */
export interface HeldLimits {
  readonly maxHeld: number
  readonly maxHeldBytes: number
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
}

/** When those should come again who found no room at all. */
const retryAfterMs = 2_000

/** Whoever may have to make room for another. */
export interface GivesUp {
  /** Ends its wait. */
  turnAway(error: LimitError): void
}

/** A request that waits in memory. */
export class Held implements Linked<Held> {
  list: LinkedList<Held> | undefined
  before: Held | undefined
  after: Held | undefined

  constructor(
    readonly line: Line,
    readonly bytes: number,
    /** Waits for a start, and not for a place. */
    readonly starts: boolean,
    readonly who: GivesUp,
    private readonly requests: HeldRequests,
  ) {}

  /** Idempotent. */
  release(): void {
    if (this.list) this.requests.release(this)
  }
}

/** What waits in memory, of all environments: bounded in number and in bytes, and the room goes to those who ask for least. */
export class HeldRequests {
  #count = 0
  #bytes = 0
  readonly #lines = new Set<Line>()
  /** Had most, when it was looked for. */
  #found: Line | undefined

  /** @param released - Told of a line that has fewer. */
  constructor(
    private readonly limits: HeldLimits,
    private readonly released: (line: Line) => void = () => {},
  ) {}

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps a request. Where there is no room, the environment that has most waiting gives some up, the last to come first.
   *
   * @throws {@link OverloadedError} where that is this one's
   */
  keep(line: Line, bytes: number, who: GivesUp): Held {
    return this.#add(line, bytes, false, who)
  }

  /** The same for one that waits for a start. @throws {@link QueueFullError} too */
  keepForStart(line: Line, bytes: number, who: GivesUp): Held {
    const { maxWaiting, maxWaitingBytes } = this.limits
    if (line.startsWaited >= maxWaiting || line.startBytes + bytes > maxWaitingBytes) {
      const limit = line.startsWaited >= maxWaiting ? 'maxWaiting' : 'maxWaitingBytes'
      throw new QueueFullError(
        `Environment ${quote(line.id)} is starting, and ${line.startsWaited} requests wait for it, as many as \`${limit}\` allows; try again when it runs`,
        { limit, whose: 'environment', id: line.id, retryAfterMs },
      )
    }
    return this.#add(line, bytes, true, who)
  }

  #add(line: Line, bytes: number, starts: boolean, who: GivesUp): Held {
    this.#makeRoom(line, bytes)
    const held = new Held(line, bytes, starts, who, this)
    this.#count += 1
    this.#bytes += bytes
    line.heldBytes += bytes
    if (starts) {
      line.startsWaited += 1
      line.startBytes += bytes
    }
    line.held.push(held)
    this.#lines.add(line)
    return held
  }

  /** @see Held.release */
  release(held: Held): void {
    const { line, bytes } = held
    line.held.remove(held)
    this.#count -= 1
    this.#bytes -= bytes
    line.heldBytes -= bytes
    if (held.starts) {
      line.startsWaited -= 1
      line.startBytes -= bytes
    }
    if (line.held.length === 0) {
      this.#lines.delete(line)
      if (this.#found === line) this.#found = undefined
    }
    this.released(line)
  }

  #makeRoom(line: Line, bytes: number): void {
    const { maxHeld, maxHeldBytes } = this.limits
    for (;;) {
      const tooMany = this.#count >= maxHeld
      if (!tooMany && this.#bytes + bytes <= maxHeldBytes) return
      const use = tooMany ? heldCount : heldBytes
      const limit = tooMany ? 'maxHeld' : 'maxHeldBytes'
      const heaviest = this.#heaviest(use, tooMany ? this.#count : this.#bytes)
      const last = heaviest?.held.last
      if (!heaviest || !last || use(line) + (tooMany ? 0 : bytes) >= use(heaviest)) {
        throw noRoom(line.id, limit)
      }
      last.release()
      last.who.turnAway(noRoom(heaviest.id, limit))
    }
  }

  /** Looked for again only once the one that was found last is no better than most: a flood must not make each request pay for it. */
  #heaviest(use: (line: Line) => number, total: number): Line | undefined {
    const found = this.#found
    if (found && use(found) > total / this.#lines.size) return found
    for (const line of this.#lines) {
      if (!this.#found || use(line) > use(this.#found)) this.#found = line
    }
    return this.#found
  }
}

const heldCount = (line: Line): number => line.held.length
const heldBytes = (line: Line): number => line.heldBytes

function noRoom(id: string, limit: 'maxHeld' | 'maxHeldBytes'): OverloadedError {
  return new OverloadedError(
    `The gateway holds as many waiting requests as \`${limit}\` allows, and environment ${quote(id)} has its share of them; try again later`,
    { limit, whose: 'gateway', id, retryAfterMs },
  )
}
