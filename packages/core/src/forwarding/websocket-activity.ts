/** Which side's frames are read: those of a client are masked (RFC 6455 §5.1). */
export type Side = 'client' | 'server'

// Where in a frame the next byte stands.
const atFirst = 0
const atSecond = 1
const atLength = 2
const atMask = 3
const atPayload = 4
const inGarbage = 5

/** The beginning of a text that is looked at to tell whether it only keeps the connection open. */
const sampleBytes = 64
/** Longer texts say something. */
const longestKeepAliveBytes = 4096

/**
 * Reads the heads of WebSocket frames (RFC 6455 §5.2) as they pass and skips their payloads, to tell use from mere keeping alive.
 *
 * What is no WebSocket counts as use from there on: a connection is never given up because it was not understood.
 */
export class WebSocketActivity {
  #at: number = atFirst
  #opcode = 0
  #control = false
  #candidate = false
  #toRead = 0
  #length = 0
  #lengthBytes = 0
  #masked = false
  #maskAt = 0
  #sampled = 0
  readonly #mask = new Uint8Array(4)
  readonly #sample = Buffer.alloc(sampleBytes)
  readonly #masks: boolean

  constructor(side: Side) {
    this.#masks = side === 'client'
  }

  /** Whether the next byte is the first of a frame, so that another frame could come in between. */
  get betweenFrames(): boolean {
    return this.#at === atFirst
  }

  /** Takes the next bytes. @returns whether anything in them is use */
  sees(chunk: Uint8Array): boolean {
    let used = false
    const { length } = chunk
    let i = 0
    while (i < length) {
      switch (this.#at) {
        case atFirst: {
          const byte = chunk[i] as number
          i += 1
          this.#opcode = byte & 0x0f
          this.#control = this.#opcode >= 8
          // Opcodes 3 to 7 and 11 to 15 are reserved, and a control frame is never fragmented.
          if ((this.#opcode & 7) > 2 || (this.#control && (byte & 0x80) === 0)) {
            this.#at = inGarbage
            break
          }
          // Whole and not compressed: FIN set, RSV1 to RSV3 clear.
          this.#candidate = byte === 0x81
          this.#at = atSecond
          break
        }
        case atSecond: {
          const byte = chunk[i] as number
          i += 1
          this.#masked = (byte & 0x80) !== 0
          const short = byte & 0x7f
          if (this.#masked !== this.#masks || (this.#control && short > 125)) {
            this.#at = inGarbage
            break
          }
          this.#length = short
          if (short < 126) {
            used = this.#lengthKnown() || used
          } else {
            this.#length = 0
            this.#lengthBytes = short === 126 ? 2 : 8
            this.#at = atLength
          }
          break
        }
        case atLength:
          this.#length = this.#length * 256 + (chunk[i] as number)
          i += 1
          this.#lengthBytes -= 1
          if (this.#lengthBytes > 0) break
          if (this.#length > Number.MAX_SAFE_INTEGER) this.#at = inGarbage
          else used = this.#lengthKnown() || used
          break
        case atMask:
          this.#mask[this.#maskAt] = chunk[i] as number
          i += 1
          this.#maskAt += 1
          if (this.#maskAt === 4) used = this.#payloadBegins() || used
          break
        case atPayload: {
          const here = Math.min(this.#toRead, length - i)
          if (this.#candidate) this.#takeSample(chunk, i, here)
          else if (!this.#control) used = true
          i += here
          this.#toRead -= here
          if (this.#toRead === 0) used = this.#frameEnds() || used
          break
        }
        case inGarbage:
          return true
      }
    }
    return used || this.#at === inGarbage
  }

  #lengthKnown(): boolean {
    if (this.#length > longestKeepAliveBytes) this.#candidate = false
    if (this.#masked) {
      this.#maskAt = 0
      this.#at = atMask
      return false
    }
    return this.#payloadBegins()
  }

  #payloadBegins(): boolean {
    this.#toRead = this.#length
    this.#sampled = 0
    this.#at = atPayload
    // An empty frame has no further byte to end with.
    return this.#length === 0 && this.#frameEnds()
  }

  #takeSample(chunk: Uint8Array, from: number, count: number): void {
    const end = from + Math.min(count, sampleBytes - this.#sampled)
    for (let i = from; i < end; i += 1) {
      const byte = chunk[i] as number
      this.#sample[this.#sampled] = this.#masked
        ? byte ^ (this.#mask[this.#sampled & 3] as number)
        : byte
      this.#sampled += 1
    }
  }

  #frameEnds(): boolean {
    this.#at = atFirst
    if (this.#control) return false
    return !this.#candidate || !isKeepAlive(this.#sample, this.#sampled, this.#length)
  }
}

// What programs send on their own account, with nobody at the keyboard:
// `2` and `3`: engine.io's ping and pong (engine.io-protocol, "Heartbeat"), and so socket.io's.
// `h`: SockJS. {"type":"ping"}: Vite, graphql-ws, Action Cable; {"event":"ping"…} and its answers with "pong": Next.js.
function isKeepAlive(sample: Buffer, sampled: number, length: number): boolean {
  const first = sample[0]
  if (length === 1) return first === 0x32 || first === 0x33 || first === 0x68
  if (first !== 0x7b || length < 8) return false
  return /^\{(?:"(?:success|invalid)":(?:true|false),)?"(?:type|event|action)":"(?:ping|pong|ka)"/.test(
    sample.toString('latin1', 0, sampled),
  )
}
