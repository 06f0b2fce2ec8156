/**
 * Tells the answers on a connection apart: enough of HTTP/1.1 (RFC 9112 §6) for short ones, and cheap, since whoever reads
 * tens of thousands a second shares a core with what it measures.
 */
export class AnswerReader {
  #text = ''

  /**
   * Takes what has arrived, in latin1, and returns the statuses of the answers that are complete by it.
   *
   * @throws where it is no HTTP/1.1, or neither a length nor chunks tell where an answer ends.
   */
  read(text: string): number[] {
    this.#text += text
    const statuses: number[] = []
    for (;;) {
      const headEnd = this.#text.indexOf('\r\n\r\n')
      if (headEnd === -1) return statuses
      const head = this.#text.slice(0, headEnd)
      const end = endOfBody(this.#text, head, headEnd + 4)
      if (end === undefined) return statuses
      statuses.push(statusOf(head))
      this.#text = this.#text.slice(end)
    }
  }
}

function statusOf(head: string): number {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]
  if (status === undefined) throw new Error(`Expected an answer, got "${head.slice(0, 40)}"`)
  return Number(status)
}

/** Where the next answer begins, or `undefined` where this one is not complete. */
function endOfBody(text: string, head: string, bodyStart: number): number | undefined {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyStart + Number(length)
    return end <= text.length ? end : undefined
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) {
    throw new Error(`Expected an answer that says where it ends, got "${head}"`)
  }
  // The bodies that are asked for here have no such line of their own.
  const last = text.indexOf('0\r\n\r\n', bodyStart)
  return last === -1 ? undefined : last + 5
}
