import { connect, type Socket } from 'node:net'
import { AnswerReader } from '../answer-reader.ts'

/** Told of one request's end: a status, or what went wrong. */
export type Outcome = (outcome: number | string) => void

/** A connection that one request after the other goes over, as cheap as can be: the client is not to measure itself. */
export class KeptConnection {
  readonly #socket: Socket
  readonly #request: string
  readonly #reader = new AnswerReader()
  #waiting: Outcome | undefined
  #error = 'closed'

  /** @param onClose - Called once, after the outcome of a request that waited. */
  constructor(port: number, environment: string, onClose: () => void) {
    this.#request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Env-Id: ${environment}\r\n\r\n`
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1').on('data', (text) => this.#read(String(text)))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
    this.#socket.once('close', () => {
      this.#finish(this.#error)
      onClose()
    })
  }

  /** Sends a request; there is none under way, and the connection is not closed. */
  ask(outcome: Outcome): void {
    this.#waiting = outcome
    this.#socket.write(this.#request)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    try {
      for (const status of this.#reader.read(text)) this.#finish(status)
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
  }

  #finish(outcome: number | string): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(outcome)
  }
}
