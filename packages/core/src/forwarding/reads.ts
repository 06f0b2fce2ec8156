import type { OnReadOpts, Socket } from 'node:net'

/** So that an answer of 100 KiB mostly comes at once, and is passed on in one piece. */
const bufferBytes = 128 * 1024

/** One for all: what comes into it is copied before the next read, which costs no more than another buffer for each. */
const shared = Buffer.allocUnsafeSlow(bufferBytes)

/**
 * Reads a connection into a buffer that is there already, and passes on what has come at once: Node.js would make a new buffer of
 * 64 KiB for each read, and queue what is in it for a later tick.
 */
export class Reads {
  /** For `net.connect()`. */
  readonly onread: OnReadOpts = {
    buffer: shared,
    callback: (length) => this.#came(length),
  }
  /** Whether anything has come this way: connections that are made in other ways are read by Node.js. */
  began = false
  #socket: Socket | undefined
  #part: Buffer | null = null

  /** The connection that is read. */
  of(socket: Socket): void {
    this.#socket = socket
  }

  /** What has just come, once. */
  take(): Buffer | null {
    const part = this.#part
    this.#part = null
    return part
  }

  /** @returns whether to read on */
  #came(length: number): boolean {
    const part = Buffer.allocUnsafe(length)
    shared.copy(part, 0, 0, length)
    const socket = this.#socket
    // Nothing is read before a connection stands.
    if (!socket) return true
    this.began = true
    // Nothing overtakes what waits.
    if (socket.readableLength > 0) return socket.push(part)
    this.#part = part
    socket.emit('readable')
    // Nobody wants it now: an answer is paused, or this is a tunnel.
    return this.#part === null || socket.push(this.take())
  }
}
