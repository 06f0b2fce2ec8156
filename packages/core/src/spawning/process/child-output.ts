import { OutputBuffer } from './output-buffer.js'
import { OutputReader } from './output-reader.js'
import type { LaunchedChild } from './launch.js'

/** How long the last output is waited for once nothing of an instance lives: only a stranger can still hold the pipe. */
const outputMarginMs = 250

/** Both outputs of a child, read from its start on. */
export class ChildOutput {
  readonly lines = new OutputBuffer()
  readonly #readers: readonly OutputReader[]

  constructor({ stdout, stderr }: LaunchedChild, maxLineBytes: number) {
    this.#readers = [stdout, stderr].map(
      (stream) => new OutputReader(stream, maxLineBytes, (line) => this.lines.add(line)),
    )
  }

  /** Until all of it is read, after the child's end. */
  async end(): Promise<void> {
    await Promise.race([
      Promise.all(this.#readers.map((reader) => reader.ended)),
      new Promise((resolve) => setTimeout(resolve, outputMarginMs).unref()),
    ])
    for (const reader of this.#readers) reader.finish()
  }
}
