/**
 * How many connections that are full of an answer are read on in one turn of the event loop: with what one read brings, 256 KiB.
 * Whoever comes in that turn waits behind all of it. Measured: see docs/performance.md.
 */
const mostPerTurn = 2

/** Reads each of the connections to one endpoint on that wait for it, the longest first. */
export type ReadLine = (() => void)[]

/** Whose answer is passed on next, where many have more to come than one turn of the event loop should pass: endpoints take turns. */
export class ReadTurns {
  readonly #lines: ReadLine[] = []
  #willRun = false

  /** Has a connection, which is not being read now, read on when its turn has come. */
  wait(line: ReadLine, readOn: () => void): void {
    line.push(readOn)
    if (line.length === 1) this.#lines.push(line)
    this.#plan()
  }

  #plan(): void {
    if (this.#willRun) return
    this.#willRun = true
    setImmediate(this.#run)
  }

  readonly #run = (): void => {
    this.#willRun = false
    for (let served = 0; served < mostPerTurn; served += 1) {
      const line = this.#lines.shift()
      if (!line) return
      const readOn = line.shift()
      if (line.length > 0) this.#lines.push(line)
      readOn?.()
    }
    if (this.#lines.length > 0) this.#plan()
  }
}
