import { Head } from './head.ts'

/** What is read: a request, or an answer to a request of this method. */
export type MessageKind = 'request' | { readonly answerTo: string }

/** How the end of a body was told (RFC 9112 §6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** A whole message of HTTP/1.1. */
export interface Message {
  /** The 1xx answers before it. */
  readonly interim: readonly Head[]
  readonly head: Head
  readonly framing: Framing
  readonly body: string
  readonly trailers: Head
}

/** Reads one message, and forgives nothing: what could be read in two ways is an error. */
export class Decoder {
  readonly interim: Head[] = []
  head: Head | undefined
  framing: Framing = 'none'
  /** What is known of it so far. */
  body = ''
  trailers = new Head('\r\n\r\n')
  /** What came after its end. */
  rest = ''
  whole = false
  readonly #kind: MessageKind
  #at = 0
  #length = 0

  constructor(kind: MessageKind) {
    this.#kind = kind
  }

  get message(): Message {
    const { interim, head, framing, body, trailers } = this
    if (!head || !this.whole) throw new Error('The message is not whole')
    return { interim, head, framing, body, trailers }
  }

  /**
   * @param text - All that came, from the first byte of the message on.
   * @param ended - Nothing more will come.
   * @returns whether the message is whole
   */
  decode(text: string, ended: boolean): boolean {
    while (!this.head) {
      const end = text.indexOf('\r\n\r\n', this.#at)
      if (end < 0) return false
      this.#begin(new Head(text.slice(this.#at, end + 4)))
      this.#at = end + 4
    }
    if (this.whole) return true
    if (this.framing === 'chunked') {
      while (!this.whole && this.#chunk(text));
    } else {
      const end = this.framing === 'close' ? text.length : this.#at + this.#length
      this.body = text.slice(this.#at, end)
      this.whole = this.framing === 'close' ? ended : text.length >= end
      if (this.whole) this.#at = end
    }
    if (this.whole) this.rest = text.slice(this.#at)
    return this.whole
  }

  #begin(head: Head): void {
    const answerTo = this.#kind === 'request' ? undefined : this.#kind.answerTo
    const { status } = head
    if (answerTo !== undefined && !status) throw new Error(`No status line: "${head.line}"`)
    if (answerTo !== undefined && status < 200 && status !== 101) {
      this.interim.push(head)
      return
    }
    this.head = head
    const lengths = head.values('content-length')
    const codings = head.values('transfer-encoding')
    if (lengths.length > 1) throw new Error(`Several Content-Lengths: ${lengths.join(', ')}`)
    if (answerTo === 'HEAD' || status === 101 || status === 204 || status === 304) return
    if (codings.length > 0) {
      if (lengths.length > 0) throw new Error('Content-Length beside Transfer-Encoding')
      if (codings.join().toLowerCase() !== 'chunked')
        throw new Error(`Transfer-Encoding: ${codings.join()}`)
      this.framing = 'chunked'
    } else if (lengths.length > 0) {
      if (!/^\d+$/.test(lengths[0] ?? '')) throw new Error(`Content-Length: ${lengths[0]}`)
      this.framing = 'length'
      this.#length = Number(lengths[0])
    } else if (answerTo !== undefined) {
      this.framing = 'close'
    }
  }

  /** @returns whether there may be another */
  #chunk(text: string): boolean {
    const line = text.indexOf('\r\n', this.#at)
    if (line < 0) return false
    const size = /^([\da-f]+)[\t ]*(;|$)/i.exec(text.slice(this.#at, line))?.[1]
    if (size === undefined)
      throw new Error(`No size of a chunk: ${JSON.stringify(text.slice(this.#at, line))}`)
    const begin = line + 2
    const bytes = Number.parseInt(size, 16)
    if (bytes === 0) {
      // The fields that follow, if any, end in an empty line like those of a head.
      const end = text.startsWith('\r\n', begin) ? begin - 2 : text.indexOf('\r\n\r\n', begin)
      if (end < 0) return false
      this.trailers = new Head(text.slice(line, end + 4))
      this.#at = end + 4
      this.whole = true
      return false
    }
    if (text.length < begin + bytes + 2) {
      return false
    }
    if (!text.startsWith('\r\n', begin + bytes)) throw new Error('A chunk of another size')
    this.body += text.slice(begin, begin + bytes)
    this.#at = begin + bytes + 2
    return true
  }
}
