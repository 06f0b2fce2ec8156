import { createHash } from 'node:crypto'

/** The answer to a key (RFC 6455 §1.3). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** Close, 1001: what a gateway ends a tunnel with (RFC 6455 §5.5.1, §7.4.1). */
export const closeFrame = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/** Content in binary frames, as a client sends it: masked, with a mask of nothing (RFC 6455 §5.2). */
export function clientFrames(content: Buffer, frameBytes: number): Buffer[] {
  return payloads(content, frameBytes).map((payload) => frameOf(payload, true))
}

/** The same as it comes back. */
export function serverFrames(content: Buffer, frameBytes: number): Buffer {
  return Buffer.concat(payloads(content, frameBytes).map((payload) => frameOf(payload, false)))
}

function payloads(content: Buffer, frameBytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(content.length / frameBytes) }, (_, number) =>
    content.subarray(number * frameBytes, (number + 1) * frameBytes),
  )
}

/** The length always in 16 bits. */
function frameOf(payload: Buffer, isMasked: boolean): Buffer {
  const head = Buffer.alloc(isMasked ? 8 : 4)
  head.writeUInt16BE(isMasked ? 0x82fe : 0x827e, 0)
  head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

/** Reads what {@link clientFrames} makes, and turns it into what {@link serverFrames} does. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  framesIn(chunk: Buffer): (Buffer | 'close')[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const frames: (Buffer | 'close')[] = []
    for (;;) {
      const rest = this.#rest
      if (rest[0] === 0x88) return [...frames, 'close']
      if (rest.length < 8) return frames
      const end = 8 + rest.readUInt16BE(2)
      if (rest.length < end) return frames
      frames.push(frameOf(rest.subarray(8, end), false))
      this.#rest = rest.subarray(end)
    }
  }
}
