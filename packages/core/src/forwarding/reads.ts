import type { OnReadOpts, Socket } from 'node:net'
import { type ReadLine, ReadTurns } from './read-turns.js'

/** So that an answer of 100 KiB mostly comes at once, and is passed on in one piece. */
const bufferBytes = 128 * 1024

/** One for all: what comes into it is copied before the next read, which costs no more than another buffer for each. */
const shared = Buffer.allocUnsafeSlow(bufferBytes)

/** From here on, what a read has brought is copied to a buffer that is used again where nobody keeps it: half of the work is to make one. */
const largeBytes = 32 * 1024

/** The last large copy, where it is free. */
let spare: Buffer | undefined

/** One for all: it is the event loop that they share. */
const turns = new ReadTurns()

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
  /** All that has just come is on its way, and in nobody's memory any more: whoever passes it on says so. */
  isPassed = false
  /** Nothing is read before what waits has been taken. */
  #isFull = false
  #readOn: () => void = () => {}
  #socket: Socket | undefined
  #part: Buffer | null = null

  /** @param line - Where connections to the same endpoint wait. */
  constructor(private readonly line: ReadLine) {}

  /** The connection that is read. */
  of(socket: Socket): void {
    this.#socket = socket
    const { _read: read } = socket
    this.#readOn = () => {
      if (!socket.destroyed) read.call(socket, bufferBytes)
    }
    // Called when there is room again.
    socket._read = (size) => {
      if (!this.#isFull) read.call(socket, size)
      else turns.wait(this.line, this.#readOn)
      this.#isFull = false
    }
  }

  /** What has just come, once. */
  take(): Buffer | null {
    const part = this.#part
    this.#part = null
    return part
  }

  /** @returns whether to read on */
  #came(length: number): boolean {
    const socket = this.#socket
    // Nothing is read before a connection stands.
    if (!socket) return true
    this.began = true
    const copy = length < largeBytes ? Buffer.allocUnsafe(length) : takeSpare(length)
    shared.copy(copy, 0, 0, length)
    const part = copy.subarray(0, length)
    // Nothing overtakes what waits.
    if (socket.readableLength > 0) return this.#keep(part)
    this.#part = part
    this.isPassed = false
    socket.emit('readable')
    // Nobody wants it now: an answer is paused, or this is a tunnel.
    if (this.#part !== null && !this.#keep(this.take())) return false
    if (length < largeBytes) return true
    if (this.isPassed) {
      if (copy.length > (spare?.length ?? 0)) spare = copy
      return true
    }
    // There is more to come.
    turns.wait(this.line, this.#readOn)
    return false
  }

  /** @returns whether there is room for more */
  #keep(part: Buffer | null): boolean {
    const hasRoom = (this.#socket as Socket).push(part)
    this.#isFull = !hasRoom
    return hasRoom
  }
}

function takeSpare(length: number): Buffer {
  // No more than is needed: somebody may come to keep it.
  if (!spare || spare.length < length) return Buffer.allocUnsafeSlow(length)
  const buffer = spare
  spare = undefined
  return buffer
}
