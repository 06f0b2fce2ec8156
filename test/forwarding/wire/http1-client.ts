import type { Readable, Writable } from 'node:stream'
import type { Answer, Ask, Call, Client } from './client.ts'
import { Decoder } from './decoder.ts'
import type { Head } from './head.ts'
import { Wire } from './wire.ts'

/** A client of HTTP/1.1 that writes each byte itself. */
export class Http1Client implements Client {
  readonly wire: Wire

  private constructor(wire: Wire) {
    this.wire = wire
  }

  static async connect(port: number): Promise<Http1Client> {
    return new Http1Client(await Wire.connect(port))
  }

  get ended(): boolean {
    return this.wire.ended || this.wire.closed
  }

  ask(ask: Ask = {}): Call {
    const { method = 'GET', path = '/', host = 'shop.test', fields = [], body, open } = ask
    let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`
    for (const [name, value] of fields) text += `${name}: ${value}\r\n`
    const length = body?.length ?? open
    if (length === 'unknown') text += 'Transfer-Encoding: chunked\r\n'
    else if (length !== undefined) text += `Content-Length: ${length}\r\n`
    this.wire.send(`${text}\r\n${body ?? ''}`)
    return new Http1Call(this.wire, method, length === 'unknown')
  }

  destroy(): void {
    this.wire.socket.destroy()
  }
}

class Http1Call implements Call {
  readonly #wire: Wire
  readonly #decoder: Decoder
  readonly #chunked: boolean
  #text = ''

  constructor(wire: Wire, method: string, chunked: boolean) {
    this.#wire = wire
    this.#chunked = chunked
    this.#decoder = new Decoder({ answerTo: method })
  }

  get interim(): readonly Head[] {
    this.#decode()
    return this.#decoder.interim
  }

  async firstInterim(): Promise<Head> {
    await this.#when(({ interim, head }) => (interim[0] ?? head) !== undefined, 'a 1xx')
    const [first] = this.#decoder.interim
    if (!first) throw new Error(`Expected a 1xx, got ${this.#decoder.head?.line}`)
    return first
  }

  async head(): Promise<Head> {
    await this.#when(({ head }) => head !== undefined, 'the head of an answer')
    return this.#decoder.head as Head
  }

  async until(part: string): Promise<string> {
    await this.#when(({ body }) => body.includes(part), `"${part}" in the body`)
    return this.#decoder.body
  }

  async whole(): Promise<Answer> {
    await this.#when(({ whole }) => whole, 'a whole answer')
    const { head, body, trailers } = this.#decoder.message
    return { head, body, trailers }
  }

  rest(): Readable {
    const { body, rest } = this.#decoder
    this.#wire.received = body + rest
    return this.#wire.rest()
  }

  get upload(): Writable {
    return this.#wire.socket
  }

  async cut(): Promise<string> {
    await this.#wire.when(
      () => this.#decode().whole || this.#wire.ended || this.#wire.closed,
      'the end of the connection',
    )
    // Where the end of the connection is the end of the body, only a reset tells that it is cut.
    const cutThere = this.#decoder.framing === 'close' && this.#wire.failure !== undefined
    if (this.#decoder.whole && !cutThere) throw new Error('A cut answer ended like a whole one')
    return this.#decoder.body
  }

  send(part: string): void {
    this.#wire.send(this.#chunked ? `${part.length.toString(16)}\r\n${part}\r\n` : part)
  }

  finish(): void {
    if (this.#chunked) this.#wire.send('0\r\n\r\n')
  }

  leave(): void {
    this.#wire.socket.destroy()
  }

  #when(holds: (decoder: Decoder) => boolean, what: string): Promise<void> {
    const wire = this.#wire
    return wire.when(() => {
      if (holds(this.#decode())) return true
      if (!wire.ended) return false
      throw new Error(
        `The connection ended; expected ${what}, got ${JSON.stringify(this.#text.slice(-300))}`,
      )
    }, what)
  }

  #decode(): Decoder {
    const wire = this.#wire
    if (!this.#decoder.whole) {
      this.#text += wire.received
      wire.received = ''
      this.#decoder.decode(this.#text, wire.ended || wire.closed)
      wire.received = this.#decoder.rest
    }
    return this.#decoder
  }
}
