import type { Readable } from 'node:stream'
import { LineSplitter } from './line-splitter.js'

/** What is cut into lines in one window; what comes beyond that is skipped, but for its end. */
const linesBytes = 1024 * 1024
/** What is read at all in one window: beyond that the child has to wait, and the host serves others. */
const readBytes = 16 * 1024 * 1024
const windowMs = 100

/** Reads one output of a child into lines, whatever it writes: bounded in memory, and in the host's time. */
export class OutputReader {
  readonly #splitter: LineSplitter
  /** Resolves when the output has ended. */
  readonly ended: Promise<void>
  #usedBytes = 0
  #skippedBytes = 0
  /** The latest of what was over the limit: mostly the last words count. */
  #latest: Buffer | undefined
  #window: NodeJS.Timeout | undefined

  constructor(
    private readonly stream: Readable,
    maxLineBytes: number,
    private readonly line: (line: string) => void,
  ) {
    this.#splitter = new LineSplitter(maxLineBytes, line)
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('error', () => {})
    this.ended = new Promise((resolve) => {
      stream.once('close', resolve)
    })
  }

  /** Nothing is read any more; what was read is told. */
  finish(): void {
    this.stream.destroy()
    this.#endWindow()
    this.#splitter.flush()
  }

  #read(chunk: Buffer): void {
    this.#window ??= setTimeout(() => this.#endWindow(), windowMs).unref()
    this.#usedBytes += chunk.length
    if (this.#usedBytes <= linesBytes) {
      this.#splitter.push(chunk)
      return
    }
    this.#skippedBytes += this.#latest?.length ?? 0
    this.#latest = chunk
    if (this.#usedBytes > readBytes) this.stream.pause()
  }

  #endWindow(): void {
    clearTimeout(this.#window)
    this.#window = undefined
    this.#usedBytes = 0
    if (this.#skippedBytes > 0) {
      this.#splitter.flush()
      this.line(`alcove: ${this.#skippedBytes} bytes of output were skipped: they came too fast`)
    }
    if (this.#latest) this.#splitter.push(this.#latest)
    this.#skippedBytes = 0
    this.#latest = undefined
    if (this.stream.isPaused()) this.stream.resume()
  }
}
