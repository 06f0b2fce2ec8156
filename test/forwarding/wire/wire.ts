import { type Socket, connect } from 'node:net'
import { Decoder, type Message, type MessageKind } from './decoder.ts'
import { Head } from './head.ts'
import { Watch } from './watch.ts'

/** One end of a connection, read as text of one byte a character. */
export class Wire {
  readonly socket: Socket
  /** What came and was not taken yet. */
  received = ''
  connected = false
  ended = false
  closed = false
  /** The code of the error that ended it. */
  failure: string | undefined
  readonly #watch = new Watch()
  readonly #onData = (chunk: Buffer): void =>
    this.#note(() => (this.received += chunk.toString('latin1')))

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', this.#onData)
    socket.on('connect', () => this.#note(() => (this.connected = true)))
    socket.on('end', () => this.#note(() => (this.ended = true)))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#note(() => (this.failure = error.code)),
    )
    socket.on('close', () => this.#note(() => (this.closed = true)))
  }

  static async connect(port: number): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const wire = new Wire(socket)
    await wire.when(() => wire.connected, 'a connection to the proxy')
    return wire
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Takes everything up to and including `mark`. */
  async until(mark: string): Promise<string> {
    await this.when(() => this.received.includes(mark), `"${mark}"`)
    return this.#take(this.received.indexOf(mark) + mark.length)
  }

  /** Takes a head with its empty line. */
  async head(): Promise<Head> {
    return new Head(await this.until('\r\n\r\n'))
  }

  async bytes(count: number): Promise<string> {
    await this.when(() => this.received.length >= count, `${count} bytes`)
    return this.#take(count)
  }

  /** Takes a whole request, or a whole answer to a request of this method; what follows it stays. */
  async message(kind: MessageKind): Promise<Message> {
    const decoder = new Decoder(kind)
    let fed = ''
    await this.when(() => {
      fed += this.#take(this.received.length)
      return decoder.decode(fed, this.ended || this.closed)
    }, 'a whole message')
    this.received = decoder.rest + this.received
    return decoder.message
  }

  /** Takes all there is until the other side ends, well or not. */
  async end(): Promise<string> {
    await this.when(() => this.ended || this.closed, 'the end of the connection')
    return this.#take(this.received.length)
  }

  /** What comes from now on, for who wants to read it himself; nothing is read meanwhile. */
  rest(): Socket {
    const { socket } = this
    socket.pause().off('data', this.#onData)
    socket.unshift(Buffer.from(this.#take(this.received.length), 'latin1'))
    return socket
  }

  /** Waits until something holds. @throws where the connection is closed before, or nothing comes any more */
  when(holds: () => boolean, what: string): Promise<void> {
    return this.#watch.until(
      holds,
      () => (this.closed ? `The connection ended (${this.failure ?? 'closed'})` : undefined),
      () => `expected ${what}, got ${JSON.stringify(this.received.slice(-300))}`,
    )
  }

  #take(count: number): string {
    const taken = this.received.slice(0, count)
    this.received = this.received.slice(count)
    return taken
  }

  #note(change: () => unknown): void {
    change()
    this.#watch.note()
  }
}
