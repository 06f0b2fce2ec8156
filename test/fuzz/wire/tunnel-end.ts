import type { Socket } from 'node:net'
import { breakOff } from './break-off.ts'
import type { ExchangeRecord, Ledger } from '../record.ts'
import type { TunnelPlan } from '../scenario/scenario.ts'
import { type Direction, stamped } from './stamp.ts'
import { turns } from '../turns.ts'

/** What is sent through a tunnel: stamped bytes, as they are or as one binary frame (RFC 6455 §5.2). */
export function tunnelBytes(token: string, direction: Direction, plan: TunnelPlan): Buffer {
  const size = direction === '>' ? plan.up : plan.down
  const content = stamped(token, direction, 0, size)
  if (!plan.framed) return content
  const masked = direction === '>' ? 0x80 : 0
  const head = Buffer.alloc(10)
  head[0] = 0x82
  head[1] = masked | 127
  head.writeBigUInt64BE(BigInt(size), 2)
  // A mask may be zero.
  return Buffer.concat([head, Buffer.alloc(masked === 0 ? 0 : 4), content])
}

/** What goes out with the head: little, since it is not read before the environment has agreed. */
export function earlyBytes(all: Buffer, plan: TunnelPlan): Buffer {
  return all.subarray(0, plan.early ? Math.min(1000, all.length / 2) : 0)
}

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n'

/** One end of an upgraded connection: sends its bytes, checks the other's, and ends when it should. */
export class TunnelEnd {
  readonly #mine: Buffer
  readonly #theirs: Buffer
  #received = 0
  #broken = false
  #opened = false

  constructor(
    private readonly side: 'client' | 'environment',
    private readonly record: ExchangeRecord,
    private readonly plan: TunnelPlan,
    private readonly socket: Socket,
    private readonly ledger: Ledger,
  ) {
    const up = tunnelBytes(record.token, '>', plan)
    const down = tunnelBytes(record.token, '<', plan)
    this.#mine = side === 'client' ? up : down
    this.#theirs = side === 'client' ? down : up
    record.tunnelWhole[side] = this.whole
  }

  /** All that the other side sends is here. */
  get whole(): boolean {
    return !this.#broken && this.#received === this.#theirs.length
  }

  /** Answers the handshake, as the environment, and goes on. */
  accept(): void {
    const head = Buffer.from(
      `${switching}x-token: ${this.record.token}\r\nx-latin1: caf\xe9 \xff\r\n\r\n`,
      'latin1',
    )
    this.#write(Buffer.concat([head, earlyBytes(this.#mine, this.plan)]))
    this.open()
  }

  /** Sends what is left. */
  open(): void {
    const early = earlyBytes(this.#mine, this.plan)
    this.#write(this.#mine.subarray(early.length, this.#keptBack))
    this.#opened = true
    if (this.plan.how === 'fin') this.#endWhenDue()
    else if (this.plan.ends === this.side) void turns(3).then(() => breakOff(this.socket))
  }

  #endWhenDue(): void {
    if (this.plan.ends !== this.side || this.plan.how !== 'fin') return
    // A server that has ended is not sent what comes after that: a WebSocket's closes once both sides are done.
    if (this.side === 'client' || this.whole) this.socket.end()
  }

  take(bytes: Buffer): void {
    const right = this.#theirs.subarray(this.#received, this.#received + bytes.length)
    if (!this.#broken && !right.equals(bytes)) {
      this.#broken = true
      const got = JSON.stringify(bytes.toString('latin1', 0, 48))
      this.ledger.violated(
        `The ${this.side} of the tunnel ${this.record.token} got ${got} at byte ${this.#received}`,
      )
    }
    this.#received += bytes.length
    this.record.tunnelWhole[this.side] = this.whole
    if (this.#opened) this.#endWhenDue()
  }

  otherEnded(): void {
    this.#write(this.#mine.subarray(this.#keptBack))
    this.socket.end()
  }

  /** A client that has ended its side may still be sent something: from here on, it is sent then. */
  get #keptBack(): number {
    const { ends, how } = this.plan
    const { length } = this.#mine
    return this.side === 'environment' && ends === 'client' && how === 'fin'
      ? length - Math.floor(length / 4)
      : length
  }

  #write(bytes: Buffer): void {
    if (bytes.length > 0 && this.socket.writable) {
      this.socket.write(bytes, () => this.ledger.moved())
    }
  }
}
