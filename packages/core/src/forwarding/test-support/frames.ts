/** How a frame differs from a whole text frame of a server. */
export interface FrameShape {
  readonly opcode?: number
  readonly final?: boolean
  /** RSV1, as permessage-deflate sets it (RFC 7692 §6). */
  readonly compressed?: boolean
  /** Masked with this key, as frames of a client are. */
  readonly mask?: readonly [number, number, number, number]
  /** Written with more bytes than needed for the length. */
  readonly lengthBytes?: 2 | 8
}

/** A WebSocket frame (RFC 6455 §5.2). */
export function frame(payload: string | Buffer, shape: FrameShape = {}): Buffer {
  const { opcode = 1, final = true, compressed = false, mask } = shape
  const body = Buffer.from(payload)
  const lengthBytes = shape.lengthBytes ?? (body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8)
  const head = [(final ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode]
  const masked = mask ? 0x80 : 0
  if (lengthBytes === 0) {
    head.push(masked | body.length)
  } else {
    head.push(masked | (lengthBytes === 2 ? 126 : 127))
    for (let shift = lengthBytes - 1; shift >= 0; shift -= 1) {
      head.push(Math.floor(body.length / 256 ** shift) % 256)
    }
  }
  if (mask) {
    head.push(...mask)
    for (let i = 0; i < body.length; i += 1) {
      body.writeUInt8(body.readUInt8(i) ^ (mask[i % 4] ?? 0), i)
    }
  }
  return Buffer.concat([Buffer.from(head), body])
}
