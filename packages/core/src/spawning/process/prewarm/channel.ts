import type { Socket } from 'node:net'

/** Far more than any message has: names of variables. */
const maxCharacters = 1024 * 1024

/** What a waiting process says; one of them. */
export interface Message {
  readonly ready?: LoadReport
  readonly taken?: true
  /** A file that was loaded has changed since. */
  readonly stale?: true
  readonly failed?: string
  /** The module that failed. */
  readonly name?: string
}

/** What it has loaded. */
export interface LoadReport {
  /** The variables that were read meanwhile. */
  readonly reads: readonly string[]
}

/** The socket to a waiting process, on which lines of JSON come and go; see ../programs/prewarm.cjs. */
export class Channel {
  #text = ''
  #messages: Message[] = []
  #ended = false
  #wake: (() => void) | undefined

  constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#ended = true
      this.#wake?.()
    })
    socket.unref()
  }

  send(message: unknown): void {
    this.socket.write(`${JSON.stringify(message)}\n`)
  }

  /** The next one; undefined where the process has ended. One caller at a time. */
  async next(): Promise<Message | undefined> {
    while (this.#messages.length === 0 && !this.#ended) {
      // eslint-disable-next-line no-await-in-loop -- until there is one
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#messages.shift()
  }

  close(): void {
    this.socket.destroy()
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    try {
      for (const line of lines) this.#messages.push(JSON.parse(line) as Message)
    } catch {
      // One of the modules writes to what is not its own.
      this.close()
    }
    if (this.#text.length > maxCharacters) this.close()
    this.#wake?.()
  }
}
