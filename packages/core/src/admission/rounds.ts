import type { Line } from './line.js'
import { LinkedList } from './linked-list.js'

/**
 * How many requests are let in at the most in one turn of the event loop, beside the first of each environment: who comes in the next
 * turn waits behind all that this one began, in both directions. Measured: see docs/performance.md.
 */
const mostPerTurn = 32

/**
 * Whose request is let in next: environments that have some waiting take turns, by their weights, so that the length of a line makes
 * nobody else wait.
 */
export class Rounds {
  readonly #waiting = new LinkedList<Line>()
  #turn = 0
  #served = 0
  #nextTurn = false

  /**
   * @param serve - Lets the first of a line in.
   * @param defer - Calls back in the next turn of the event loop.
   */
  constructor(
    private readonly serve: (line: Line) => void,
    private readonly defer: (then: () => void) => void,
    private readonly perTurn = mostPerTurn,
  ) {}

  /** Takes a turn for a request that has just come. @returns whether there is one */
  take(line: Line): boolean {
    if (this.#served >= this.perTurn && line.turn === this.#turn) return false
    this.#took(line)
    return true
  }

  /** Says that a line may have somebody to let in. */
  add(line: Line): void {
    if (line.list === undefined && mayServe(line)) this.#waiting.push(line)
  }

  /** Lets in who may be, as far as this turn goes. */
  run(): void {
    while (this.#served < this.perTurn) {
      const line = this.#waiting.first
      if (!line) return
      if (!mayServe(line)) {
        this.#leave(line)
      } else if (line.credit < 1) {
        // Its share of a round is used up: behind the others, with that of the next.
        line.credit += line.limits.weight
        this.#waiting.remove(line)
        this.#waiting.push(line)
      } else {
        line.credit -= 1
        this.#took(line)
        this.serve(line)
        if (!mayServe(line)) this.#leave(line)
      }
    }
  }

  #took(line: Line): void {
    line.turn = this.#turn
    this.#served += 1
    if (this.#served < this.perTurn || this.#nextTurn) return
    this.#nextTurn = true
    this.defer(() => {
      this.#nextTurn = false
      this.#turn += 1
      this.#served = 0
      this.run()
    })
  }

  #leave(line: Line): void {
    line.credit = 0
    this.#waiting.remove(line)
  }
}

function mayServe(line: Line): boolean {
  return line.requests.length > 0 && line.working < line.cap
}
