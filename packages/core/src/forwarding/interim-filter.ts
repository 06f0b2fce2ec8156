/** Longer heads than this are nothing to wait for. */
const longestHeadBytes = 16 * 1024

/**
 * Takes 100 (Continue) out of what stands before an answer. Nobody has asked for it, since the gateway answers expectations itself,
 * and a client has to live with it all the same (RFC 9110 §15.2).
 */
export class InterimFilter {
  /** Whether nothing of the answer has come but what was taken out. */
  #atStart = false
  /** A head that has not come whole. */
  #held: Buffer | undefined

  /** An answer is about to come. */
  expect(): void {
    this.#atStart = true
    this.#held = undefined
  }

  /** What is left of a part that has come; `null`: nothing yet. */
  pass(part: Buffer): Buffer | null {
    if (!this.#atStart) return part
    let rest = this.#held ? Buffer.concat([this.#held, part]) : part
    this.#held = undefined
    while (beginsLikeContinue(rest)) {
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) {
        if (rest.length > longestHeadBytes) break
        this.#held = rest
        return null
      }
      rest = rest.subarray(end + 4)
      if (rest.length === 0) return null
    }
    this.#atStart = false
    return rest
  }
}

const statusLine = 'HTTP/1.1 100'

/** Whether these bytes begin with the status line of a 100. One that is cut within its first bytes is not waited for. */
function beginsLikeContinue(bytes: Buffer): boolean {
  // Nearly every answer is told by its status's first digit.
  return bytes[9] === 0x31 && bytes.toString('latin1', 0, statusLine.length) === statusLine
}
