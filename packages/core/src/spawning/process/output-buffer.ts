/** Enough for the last words of a program that crashes before anybody listens. */
const maxLines = 1000
const maxCharacters = 256 * 1024

/** The output of one instance: kept, in bounds, until somebody listens, and told from then on. */
export class OutputBuffer {
  readonly #listeners = new Set<(line: string) => void>()
  #lines: string[] = []
  #characters = 0
  #dropped = 0

  add(line: string): void {
    if (this.#listeners.size > 0) {
      for (const listener of this.#listeners) listener(line)
      return
    }
    this.#lines.push(line)
    this.#characters += line.length
    while (this.#lines.length > maxLines || this.#characters > maxCharacters) {
      this.#characters -= this.#lines.shift()?.length ?? 0
      this.#dropped += 1
    }
  }

  /** Tells what was kept, and what comes, until the signal aborts. */
  listen(listener: (line: string) => void, signal: AbortSignal): void {
    const lines = this.#lines
    this.#lines = []
    this.#characters = 0
    if (this.#dropped > 0)
      listener(`alcove: the first ${this.#dropped} lines of output were dropped`)
    this.#dropped = 0
    for (const line of lines) listener(line)
    if (signal.aborted) return
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
  }
}
