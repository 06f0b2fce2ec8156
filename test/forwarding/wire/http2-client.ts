import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { Readable, Writable } from 'node:stream'
import type { Answer, Ask, Call, Client } from './client.ts'
import { Head } from './head.ts'
import { Watch } from './watch.ts'

/** A client of HTTP/2 that knows beforehand that it is spoken (RFC 9113 §3.3). */
export class Http2Client implements Client {
  readonly session: ClientHttp2Session

  constructor(port: number) {
    this.session = connect(`http://127.0.0.1:${port}`)
    this.session.on('error', () => {})
  }

  get ended(): boolean {
    return this.session.closed || this.session.destroyed
  }

  ask(ask: Ask = {}): Call {
    const { method = 'GET', path = '/', host = 'shop.test', fields = [], body, open } = ask
    const length = body?.length ?? open
    // A list, which keeps repeats apart and in order.
    const head = [':method', method, ':authority', host]
    // RFC 9113 §8.5: a CONNECT has neither.
    if (method !== 'CONNECT') head.push(':path', path, ':scheme', 'http')
    for (const [name, value] of fields) head.push(name.toLowerCase(), value)
    if (typeof length === 'number') head.push('content-length', String(length))
    const stream = this.session.request(head, { endStream: length === undefined })
    if (body !== undefined) stream.end(body, 'latin1')
    return new Http2Call(stream)
  }

  destroy(): void {
    // Not from within an event of a stream: that breaks the memory of Node.js 22.19.
    setImmediate(() => this.session.destroy())
  }
}

class Http2Call implements Call {
  readonly interim: Head[] = []
  readonly #stream: ClientHttp2Stream
  #head: Head | undefined
  #trailers = new Head('\r\n\r\n')
  #body = ''
  #ended = false
  #closed = false
  readonly #watch = new Watch()

  readonly #onData = (chunk: Buffer): void =>
    this.#note(() => (this.#body += chunk.toString('latin1')))

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream
    const note = (change: () => unknown): void => this.#note(change)
    stream.on('headers', (headers, _flags, raw?: string[]) =>
      note(() => this.interim.push(receivedHead(String(headers[':status']), raw))),
    )
    stream.on('response', (headers, _flags, raw?: string[]) =>
      note(() => (this.#head = receivedHead(String(headers[':status']), raw))),
    )
    stream.on('trailers', (_headers, _flags, raw?: string[]) =>
      note(() => (this.#trailers = receivedHead('', raw))),
    )
    stream.on('data', this.#onData)
    stream.on('end', () => note(() => (this.#ended = true)))
    stream.on('error', () => {})
    stream.on('close', () => note(() => (this.#closed = true)))
  }

  async firstInterim(): Promise<Head> {
    await this.#when(() => (this.interim[0] ?? this.#head) !== undefined, 'a 1xx')
    const [first] = this.interim
    if (!first) throw new Error(`Expected a 1xx, got ${this.#head?.line}`)
    return first
  }

  async head(): Promise<Head> {
    await this.#when(() => this.#head !== undefined, 'the head of an answer')
    return this.#head as Head
  }

  async until(part: string): Promise<string> {
    await this.#when(() => this.#body.includes(part), `"${part}" in the body`)
    return this.#body
  }

  async whole(): Promise<Answer> {
    await this.#when(() => this.#ended, 'its end')
    if (!this.#head || !this.#well) {
      throw new Error(`The stream was reset with ${this.#stream.rstCode}`)
    }
    return { head: this.#head, body: this.#body, trailers: this.#trailers }
  }

  rest(): Readable {
    const stream = this.#stream
    stream.pause().off('data', this.#onData)
    stream.unshift(Buffer.from(this.#body, 'latin1'))
    return stream
  }

  get upload(): Writable {
    return this.#stream
  }

  async cut(): Promise<string> {
    await this.#when(() => this.#closed, 'the end of the stream')
    if (this.#well) throw new Error('A cut answer ended like a whole one')
    return this.#body
  }

  send(part: string): void {
    this.#stream.write(part, 'latin1')
  }

  finish(): void {
    this.#stream.end()
  }

  leave(): void {
    // With a body still open, Node.js would end that like a whole one first.
    if (this.#stream.writableEnded) this.#stream.close(constants.NGHTTP2_CANCEL)
    else this.#stream.destroy()
  }

  get #well(): boolean {
    return this.#ended && (this.#stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR
  }

  #note(change: () => unknown): void {
    change()
    this.#watch.note()
  }

  #when(holds: () => boolean, what: string): Promise<void> {
    return this.#watch.until(
      holds,
      () => (this.#closed ? `The stream ended with ${this.#stream.rstCode}` : undefined),
      () =>
        `expected ${what}, got ${this.#head?.line ?? 'no head'} ${JSON.stringify(this.#body.slice(-300))}`,
    )
  }
}

function receivedHead(line: string, raw: readonly string[] = []): Head {
  const fields: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (!name.startsWith(':')) fields.push(name, raw[i + 1] ?? '')
  }
  return Head.of(line, fields)
}
