import { checkOptions, count, listOf, type Rule } from '../option-check.js'
import { redactor } from './redact.js'
import { sanitise } from './sanitise.js'

/** Options of {@link LogBuffer}. */
export interface LogBufferOptions {
  /** @default 1_000 */
  readonly maxLines?: number
  /** All lines together, in UTF-8. @default 262_144 */
  readonly maxBytes?: number
  /** In UTF-16 code units; a longer line is cut, which an ellipsis at its end shows. @default 8_192 */
  readonly maxLineLength?: number
  /** What is replaced by `[redacted]` before a line is kept: exact texts, and each match of a pattern. @default nothing */
  readonly redact?: readonly (string | RegExp)[]
}

/**
 * The last lines that an instance has printed, safe to show and without secrets; the oldest make room for new ones.
 *
 * @throws InvalidOptionError for an option that makes no sense.
 * @example
 * ```ts
 * const log = new LogBuffer({ maxLines: 100, redact: [process.env.API_KEY ?? ''] })
 * log.push('\u001b[32mlistening\u001b[0m')
 * console.log(log.tail(1)) // ['listening']
 * ```
 */
export class LogBuffer {
  readonly #maxLines: number
  readonly #maxBytes: number
  readonly #maxLineLength: number
  readonly #redact: (line: string) => string
  /** A ring: line `n` stands in slot `n % maxLines`. */
  readonly #ring: KeptLine[] = []
  readonly #waiting = new Set<() => void>()
  /** The numbers of the first line that is kept, and of the one to come. */
  #first = 0
  #next = 0
  #bytes = 0
  #closed = false

  constructor(options: LogBufferOptions = {}) {
    checkOptions('LogBuffer', options, rules)
    this.#maxLines = options.maxLines ?? 1_000
    this.#maxBytes = options.maxBytes ?? 262_144
    this.#maxLineLength = options.maxLineLength ?? 8_192
    this.#redact = redactor(options.redact ?? [])
  }

  /** Keeps a line, and returns it as it is kept. After `close()` it is only made safe. */
  push(line: string): string {
    const kept = this.#cut(this.#redact(sanitise(line)))
    if (this.#closed) return kept.text
    while (
      this.#first < this.#next &&
      (this.#next - this.#first === this.#maxLines || this.#bytes + kept.bytes > this.#maxBytes)
    ) {
      this.#dropFirst()
    }
    this.#ring[this.#next % this.#maxLines] = kept
    this.#next += 1
    this.#bytes += kept.bytes
    this.#wake()
    return kept.text
  }

  /** The last `n` lines, or as many as there are; the oldest first. */
  tail(n: number): readonly string[] {
    const lines: string[] = []
    for (let number = Math.max(this.#first, this.#next - n); number < this.#next; number += 1) {
      lines.push(this.#at(number).text)
    }
    return lines
  }

  /**
   * All lines that are kept, then those to come, until `close()`. Each iteration begins anew; one that is too slow misses the
   * lines that had to make room meanwhile.
   */
  lines(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => this.#read() }
  }

  /** Ends all iterations once they have caught up. Idempotent. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  #read(): AsyncIterator<string, undefined> {
    let number = 0
    let over = false
    const waiting: ((result: IteratorResult<string, undefined>) => void)[] = []
    const take = (): IteratorResult<string, undefined> | undefined => {
      number = Math.max(number, this.#first)
      if (over || (this.#closed && number >= this.#next)) return { value: undefined, done: true }
      if (number >= this.#next) return undefined
      const value = this.#at(number).text
      number += 1
      return { value, done: false }
    }
    const wake = (): void => {
      for (let resolve = waiting[0]; resolve; resolve = waiting[0]) {
        const result = take()
        if (!result) return
        waiting.shift()
        resolve(result)
      }
      this.#waiting.delete(wake)
    }
    return {
      next: () => {
        const result = waiting.length === 0 ? take() : undefined
        if (result) return Promise.resolve(result)
        this.#waiting.add(wake)
        return new Promise((resolve) => waiting.push(resolve))
      },
      return: () => {
        over = true
        wake()
        return Promise.resolve({ value: undefined, done: true })
      },
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  #at(number: number): KeptLine {
    return this.#ring[number % this.#maxLines] ?? nothing
  }

  #dropFirst(): void {
    this.#bytes -= this.#at(this.#first).bytes
    this.#ring[this.#first % this.#maxLines] = nothing
    this.#first += 1
  }

  /** Also copies: a piece of a string keeps the whole of it, here often a chunk of 64 KiB, in memory. */
  #cut(line: string): KeptLine {
    const short =
      line.length > this.#maxLineLength
        ? withEllipsis(line.slice(0, this.#maxLineLength - 1))
        : line
    const encoded = Buffer.from(short)
    if (encoded.length <= this.#maxBytes) return { text: encoded.toString(), bytes: encoded.length }
    let end = Math.max(0, this.#maxBytes - ellipsisBytes)
    // Not in the middle of a character: those bytes are 10xxxxxx (RFC 3629 §3).
    while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1
    const text =
      this.#maxBytes < ellipsisBytes ? '' : withEllipsis(encoded.toString('utf8', 0, end))
    return { text, bytes: Buffer.byteLength(text) }
  }
}

interface KeptLine {
  readonly text: string
  readonly bytes: number
}

const nothing: KeptLine = { text: '', bytes: 0 }
const ellipsis = '…'
const ellipsisBytes = Buffer.byteLength(ellipsis)

function withEllipsis(text: string): string {
  return (/[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text) + ellipsis
}

const secret: Rule = {
  expected: 'a string or a regular expression',
  holds: (value) => typeof value === 'string' || value instanceof RegExp,
}
const rules: Readonly<Record<keyof LogBufferOptions, Rule>> = {
  maxLines: count,
  maxBytes: count,
  maxLineLength: count,
  redact: listOf(secret, 'a list of strings and regular expressions'),
}
