import type { Duplex } from 'node:stream'

/** More than this nobody has to say before the answer to a handshake (RFC 6455 §4.1: nothing at all). */
const mostBytes = 64 * 1024

/**
 * Reads the socket of an upgrade that has no answer yet, and keeps what comes: the end of a socket is only told to those who have
 * read all of it, and a client that leaves must not go unnoticed.
 */
export class EarlyBytes {
  readonly #socket: Duplex
  readonly #parts: Buffer[]
  #bytes: number

  /** @param head - What has been read with the handshake. */
  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#parts = [head]
    this.#bytes = head.length
    socket.on('data', this.#keep)
  }

  /** Stops reading. @returns all that has come so far */
  take(): Buffer {
    this.#socket.off('data', this.#keep).pause()
    return Buffer.concat(this.#parts)
  }

  readonly #keep = (part: Buffer): void => {
    this.#parts.push(part)
    this.#bytes += part.length
    if (this.#bytes > mostBytes) this.#socket.destroy()
  }
}
