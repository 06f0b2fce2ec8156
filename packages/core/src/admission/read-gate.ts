import type { Line } from './line.js'

/** Of an environment that has so many requests waiting, connections that bring more than one at a time are not read. */
const mostReadAhead = 256

/**
 * When connections are read on that were stopped, since requests came on them without waiting for their answers: what one read brings
 * may be hundreds, and all of them are taken in at once. So one connection in each turn of the event loop, and none while its
 * environment has enough to do.
 */
export class ReadGate {
  /** In the order in which they were stopped. */
  readonly #lines = new Map<Line, (() => void)[]>()
  #nextTurn = false

  /** @param defer - Calls back in the next turn of the event loop. */
  constructor(private readonly defer: (then: () => void) => void) {}

  /** Calls `readOn` once a connection is to be read on. */
  wait(line: Line, readOn: () => void): void {
    const waiting = this.#lines.get(line)
    if (waiting) waiting.push(readOn)
    else this.#lines.set(line, [readOn])
    this.changed(line)
  }

  /** A line has fewer waiting. */
  changed(line: Line): void {
    if (this.#nextTurn || !this.#mayRead(line)) return
    this.#nextTurn = true
    this.defer(() => {
      this.#nextTurn = false
      this.#readOne()
    })
  }

  #mayRead(line: Line): boolean {
    return line.held.length < mostReadAhead && this.#lines.has(line)
  }

  #readOne(): void {
    for (const [line, waiting] of this.#lines) {
      if (!this.#mayRead(line)) continue
      const readOn = waiting.shift()
      // Behind the others, which have their turns next.
      this.#lines.delete(line)
      if (waiting.length > 0) this.#lines.set(line, waiting)
      readOn?.()
      break
    }
    for (const line of this.#lines.keys()) this.changed(line)
  }
}
