import type { Line } from './line.js'
import type { Linked, LinkedList } from './linked-list.js'

/** From so many requests in line on, connections rest; before, to stop and go on would cost more than what it saves. */
const beginsAt = 256
/** So many in line keep an environment busy until the next ones are read. */
const enoughInLine = 64
/** After so many looks at the load (100 ms each), a connection is read whatever its environment has to do. */
const mostLooks = 3

/** A connection that may be left unread. */
export class Resting implements Linked<Resting> {
  list: LinkedList<Resting> | undefined
  before: Resting | undefined
  after: Resting | undefined
  /** How often it was looked at while it rested. */
  looks = 0

  /** @param readOn - Reads it again; called once for each rest. */
  constructor(readonly readOn: () => void) {}
}

/**
 * Connections of clients that have their answers, and whose environments have enough in line: what such a client asks for next is
 * left with the system for a moment, where it costs nothing. Read, it would only wait in line as well, and live through collections of
 * garbage there, which keep everybody waiting: measured, see docs/performance.md.
 */
export class Rests {
  /** Whether a connection may rest that has had an answer of this environment. */
  mayRest({ requests, resting, limits }: Line): boolean {
    return resting.length > 0 || requests.length >= Math.max(beginsAt, limits.maxInFlight)
  }

  begin(line: Line, connection: Resting): void {
    connection.looks = 0
    line.resting.push(connection)
  }

  /** Fewer are in line: one comes in for one that has left, and two where that is not enough. */
  changed(line: Line): void {
    const { requests, resting, limits } = line
    if (resting.length === 0) return
    const enough = Math.max(enoughInLine, limits.maxInFlight)
    if (requests.length < enough) end(resting)
    if (requests.length < enough / 2) end(resting)
  }

  /** To be called with each look at the load. */
  look({ resting, visits }: Line): void {
    for (let connection = resting.first; connection; connection = connection.after) {
      connection.looks += 1
    }
    const isOver = ({ looks }: Resting): boolean => visits === 0 || looks >= mostLooks
    while (resting.first && isOver(resting.first)) end(resting)
  }

  /** Ends all rests of an environment. */
  end({ resting }: Line): void {
    while (resting.first) end(resting)
  }
}

function end(resting: LinkedList<Resting>): void {
  const { first } = resting
  if (!first) return
  resting.remove(first)
  first.readOn()
}
