import type { OnReadOpts, Socket } from 'node:net'

/** As much as Node.js itself reads at a time. */
const bufferBytes = 64 * 1024
/** From here on, a copy costs more than another buffer. */
const largeBytes = bufferBytes / 2

/** One for all: what comes into it is copied before the next read. */
const shared = Buffer.allocUnsafeSlow(bufferBytes)

/**
 * Reads a connection into a buffer that is there already, and passes on what has come at once: Node.js would make a new buffer of
 * 64 KiB for each read, and queue what is in it for a later tick.
 */
export class Reads {
  /** For `net.connect()`. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#buffer,
    callback: (length, buffer) => this.#came(length, buffer as Buffer),
  }
  /** Whether anything has come this way: connections that are made in other ways are read by Node.js. */
  began = false
  #buffer = shared
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
  #came(length: number, buffer: Buffer): boolean {
    const part = this.#keep(length, buffer)
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

  /** The bytes that have come, for as long as they are needed. */
  #keep(length: number, buffer: Buffer): Buffer {
    const isLarge = length >= largeBytes
    const isOwn = this.#buffer !== shared
    if (isLarge || isOwn) this.#buffer = isLarge ? Buffer.allocUnsafeSlow(bufferBytes) : shared
    if (isLarge && isOwn) return buffer.subarray(0, length)
    const kept = Buffer.allocUnsafe(length)
    buffer.copy(kept, 0, 0, length)
    return kept
  }
}
