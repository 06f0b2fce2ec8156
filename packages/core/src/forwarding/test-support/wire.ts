import { type Socket, connect } from 'node:net'

// Less than a test has, so that it says what it waited for and cleans up.
const patienceMs = 15_000

/** One end of a connection, read as text of one byte a character. */
export class Wire {
  /** What came and was not taken yet. */
  received = ''
  ended = false
  closed = false
  /** The code of the error that ended it. */
  failure: string | undefined
  readonly #changed = new Set<() => void>()

  constructor(
    readonly socket: Socket,
    how: { readonly read?: boolean } = {},
  ) {
    if (how.read !== false) {
      socket.setEncoding('latin1')
      socket.on('data', (text: string) => this.#note(() => (this.received += text)))
    }
    socket.on('end', () => this.#note(() => (this.ended = true)))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#note(() => (this.failure = error.code)),
    )
    socket.on('close', () => this.#note(() => (this.closed = true)))
  }

  static async connect(port: number, how?: { readonly read?: boolean }): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const wire = new Wire(socket, how)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return wire
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Takes everything up to and including `mark`. */
  async until(mark: string): Promise<string> {
    await this.when(() => this.received.includes(mark), `"${mark}"`)
    const end = this.received.indexOf(mark) + mark.length
    const taken = this.received.slice(0, end)
    this.received = this.received.slice(end)
    return taken
  }

  /** Takes a head with its empty line. */
  head(): Promise<string> {
    return this.until('\r\n\r\n')
  }

  /** Takes that many bytes. */
  async bytes(count: number): Promise<string> {
    await this.when(() => this.received.length >= count, `${count} bytes`)
    const taken = this.received.slice(0, count)
    this.received = this.received.slice(count)
    return taken
  }

  /** Takes all there is until the other side ends. */
  async end(): Promise<string> {
    await this.when(() => this.ended || this.closed, 'the end', true)
    const taken = this.received
    this.received = ''
    return taken
  }

  async close(): Promise<void> {
    await this.when(() => this.closed, 'the close', true)
  }

  /** Waits until something holds. @throws where the connection ends before, or nothing comes any more */
  when(holds: () => boolean, what: string, endIsFine = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = (why: string): void => {
        const got = JSON.stringify(this.received.slice(-500))
        settle(() => reject(new Error(`${why} ${what} came, after ${got}`)))
      }
      const look = (): void => {
        if (holds()) settle(resolve)
        else if (this.closed && !endIsFine) give('The connection ended before')
      }
      const timer = setTimeout(() => give('Waited too long until'), patienceMs)
      const settle = (how: () => void): void => {
        clearTimeout(timer)
        this.#changed.delete(look)
        how()
      }
      this.#changed.add(look)
      look()
    })
  }

  #note(change: () => unknown): void {
    change()
    for (const look of this.#changed) look()
  }
}
