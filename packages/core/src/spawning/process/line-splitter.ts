const lineFeed = 0x0a
const carriageReturn = 0x0d
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Cuts bytes into lines of bounded length; holds at most one of them, whatever comes. */
export class LineSplitter {
  readonly #held: Buffer
  #length = 0
  #cut = false

  constructor(
    private readonly maxBytes: number,
    private readonly emit: (line: string) => void,
  ) {
    this.#held = Buffer.allocUnsafe(maxBytes)
  }

  push(chunk: Buffer): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, start)
      if (end === -1) break
      this.#hold(chunk, start, end)
      this.#end()
      start = end + 1
    }
    this.#hold(chunk, start, chunk.length)
  }

  /** What came after the last line end counts as a line, too. */
  flush(): void {
    if (this.#length > 0 || this.#cut) this.#end()
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const room = this.maxBytes - this.#length
    if (end - start > room) this.#cut = true
    this.#length += chunk.copy(this.#held, this.#length, start, Math.min(end, start + room))
  }

  #end(): void {
    let length = this.#length
    if (this.#cut) length = endOfLastCharacter(this.#held, length)
    else if (length > 0 && this.#held[length - 1] === carriageReturn) length -= 1
    // What is no UTF-8 becomes U+FFFD.
    const line = decoder.decode(this.#held.subarray(0, length)) + (this.#cut ? '…' : '')
    this.#length = 0
    this.#cut = false
    this.emit(line)
  }
}

/** Where to cut so that no character is left in half: RFC 3629 §3, 10xxxxxx goes on, 11xxxxxx begins. */
function endOfLastCharacter(bytes: Buffer, length: number): number {
  let lead = length - 1
  while (lead >= 0 && length - lead < 4 && ((bytes[lead] ?? 0) & 0xc0) === 0x80) lead -= 1
  const first = bytes[lead] ?? 0
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return lead + size > length ? Math.max(lead, 0) : length
}
