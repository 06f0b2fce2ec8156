/** Longer heads than this are nothing to wait for. */
const longestHeadBytes = 16 * 1024

const interimLine = 'HTTP/1.1 1'
/** As far as the end of its status. */
const statusBytes = 12

/**
 * Takes 100 (Continue) out of what stands before an answer. Nobody has asked for it, since the gateway answers expectations itself,
 * and a client has to live with it all the same (RFC 9110 §15.2).
 */
export class InterimFilter {
  /** Whether nothing but interim heads has come. */
  #atStart = false
  #came = false
  /** The beginning of a head that may be one, and has not come whole. */
  #held: Buffer | undefined

  /** Whether anything of the answer has come, taken out or held as it may be. */
  get came(): boolean {
    return this.#came
  }

  /** An answer is about to come. */
  expect(): void {
    this.#atStart = true
    this.#came = false
    this.#held = undefined
  }

  /** What is left of a part that has come; `null`: nothing yet. */
  pass(part: Buffer): Buffer | null {
    if (!this.#atStart) return part
    this.#came = true
    // Nearly every answer is told by its status's first digit.
    if (!this.#held && part.length > 9 && part[9] !== 0x31) {
      this.#atStart = false
      return part
    }
    const left = this.#sorted(this.#held ? Buffer.concat([this.#held, part]) : part)
    return left.length === 0 ? null : left
  }

  #sorted(bytes: Buffer): Buffer {
    const kept: Buffer[] = []
    let rest = bytes
    this.#held = undefined
    while (rest.length > 0) {
      const start = rest.toString('latin1', 0, statusBytes)
      const isInterim = interimLine.startsWith(start.slice(0, interimLine.length))
      // 101 is no answer before another.
      if (!isInterim || start.endsWith(' 101')) break
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) {
        if (rest.length > longestHeadBytes) break
        this.#held = rest
        return Buffer.concat(kept)
      }
      if (!start.endsWith(' 100')) kept.push(rest.subarray(0, end + 4))
      rest = rest.subarray(end + 4)
    }
    if (rest.length > 0) this.#atStart = false
    return Buffer.concat([...kept, rest])
  }
}
