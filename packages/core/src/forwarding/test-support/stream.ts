import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'

/** One exchange over HTTP/2 as a client sees it. */
export class Stream {
  status = 0
  /** Names and values as they came, without pseudo-headers. */
  fields: readonly string[] = []
  readonly interim: Record<string, unknown>[] = []
  trailers: Record<string, unknown> = {}
  body = ''
  readonly #head: Promise<void>
  readonly #closed: Promise<void>

  constructor(
    session: ClientHttp2Session,
    headers: OutgoingHttpHeaders | readonly string[],
    readonly stream: ClientHttp2Stream = session.request(
      // Node.js takes lists too, which keep repeats; @types/node for 22 does not know.
      headers,
      { endStream: false },
    ),
  ) {
    stream.setEncoding('latin1')
    stream.on('data', (text: string) => {
      this.body += text
    })
    stream.on('headers', (interim) => this.interim.push(interim))
    stream.on('trailers', (trailers) => {
      this.trailers = trailers
    })
    stream.on('error', () => {})
    this.#closed = new Promise((resolve) => stream.once('close', resolve))
    this.#head = new Promise((resolve) => {
      stream.on('response', (head, _flags: number, raw?: string[]) => {
        this.status = head[':status'] ?? 0
        this.fields = raw ?? []
        resolve()
      })
    })
  }

  async head(): Promise<this> {
    await Promise.race([this.#head, this.#closed])
    return this
  }

  /** Until it has ended, well or not. */
  async close(): Promise<this> {
    await this.#closed
    return this
  }

  /** The error code that it was reset with, 0 where it ended well. */
  get resetCode(): number {
    return this.stream.rstCode ?? 0
  }

  valuesOf(name: string): string[] {
    return this.fields.filter((_, i) => i % 2 === 1 && this.fields[i - 1] === name)
  }
}
