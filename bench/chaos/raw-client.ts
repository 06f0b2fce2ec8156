import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Head, MessageReader, valuesOf } from '../../test/fuzz/wire/message-reader.ts'
import { contentOf } from './content.ts'
import { frameBytes } from './judge.ts'
import { send } from './node-client.ts'
import { isUpload, type Plan, targetOf } from './plan.ts'
import { type Seen, Sight } from './seen.ts'
import { clientFrames, serverFrames } from './web-socket.ts'

/** A client that takes nothing for whole that is not so by its framing, byte for byte (RFC 9112 §6.3, §8). */
export class RawClient {
  readonly #port: number
  /** Connections that wait for a request. */
  readonly #kept: Socket[] = []

  constructor(port: number) {
    this.#port = port
  }

  async play(plan: Plan, waitMs: number): Promise<Seen> {
    const kept = plan.fresh ? undefined : this.#take()
    const socket = kept ?? connect(this.#port, '127.0.0.1')
    const exchange = new RawExchange(plan, socket, kept !== undefined)
    const seen = await exchange.play(waitMs)
    if (seen.end === 'whole' && exchange.staysOpen) this.#keep(socket)
    else socket.destroy()
    return seen
  }

  close(): void {
    for (const socket of this.#kept.splice(0)) socket.destroy()
  }

  #take(): Socket | undefined {
    for (let socket = this.#kept.pop(); socket; socket = this.#kept.pop()) {
      if (!socket.destroyed && !socket.readableEnded) return socket
    }
    return undefined
  }

  #keep(socket: Socket): void {
    socket.removeAllListeners()
    socket.on('error', () => {}).on('end', () => socket.destroy())
    socket.resume()
    this.#kept.push(socket)
  }
}

class RawExchange {
  /** The connection may be used again. */
  staysOpen = false
  readonly #plan: Plan
  readonly #socket: Socket
  readonly #reused: boolean
  readonly #sight = new Sight()
  readonly #timers: NodeJS.Timeout[] = []
  #resolve: (seen: Seen) => void = () => {}
  #isOver = false
  #sentAll = false

  constructor(plan: Plan, socket: Socket, reused: boolean) {
    this.#plan = plan
    this.#socket = socket
    this.#reused = reused
  }

  play(waitMs: number): Promise<Seen> {
    const { leavesAfterMs } = this.#plan
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#after(waitMs, () => this.#over('late', 'gave up'))
      if (leavesAfterMs !== undefined)
        this.#after(leavesAfterMs, () => this.#over('left', 'as planned'))
      this.#read()
      void this.#send()
    })
  }

  #read(): void {
    const plan = this.#plan
    const socket = this.#socket
    const reader = new MessageReader({
      head: (head) => this.#head(head),
      body: (bytes) => {
        this.#sight.part(bytes)
        if (plan.kind === 'socket') this.#socketCame()
      },
      end: () => this.#over('whole', 'its framing'),
      broken: (why) => this.#over('cut', `broken framing: ${why}`),
    })
    socket.removeAllListeners()
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.once('end', () => {
      reader.finish()
      this.#over('cut', 'end of the connection')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#over('cut', error.code ?? ''))
    socket.once('close', () => this.#over('cut', 'close'))
    socket.resume()
  }

  #head(head: Head): 'tunnel' | 'chunked' | 'close' | { readonly length: number } | undefined {
    if (this.#sight.head) return undefined
    const { kind, stopsReadingMs } = this.#plan
    const status = Number(head.start.split(' ', 2)[1])
    const fields = Object.fromEntries(
      head.fields.map(([name, value]) => [name.toLowerCase(), value]),
    )
    this.#sight.headCame(status, fields)
    if (stopsReadingMs > 0) {
      // Not within what has just been read.
      setImmediate(() => {
        if (!this.#isOver) this.#socket.pause()
      })
      this.#after(stopsReadingMs, () => this.#socket.resume())
    }
    if (status === 101 && kind === 'socket') {
      void this.#sendFrames()
      return 'tunnel'
    }
    this.staysOpen = fields['connection'] !== 'close' && kind !== 'socket'
    if (valuesOf(head, 'transfer-encoding').includes('chunked')) return 'chunked'
    const length = valuesOf(head, 'content-length')[0]
    return length === undefined ? 'close' : { length: Number(length) }
  }

  /** All that it wanted has come back. */
  #socketCame(): void {
    const { id, seed, bytes } = this.#plan
    if (this.#sight.bytes >= serverFrames(contentOf(id, seed, bytes), frameBytes).length) {
      this.#over('whole', 'all of it')
    }
  }

  async #send(): Promise<void> {
    const plan = this.#plan
    const socket = this.#socket
    const fields = [`x-environment: ${plan.id}`, `x-request: ${plan.number}`, 'Host: chaos.test']
    if (plan.kind === 'echo') fields.push('Transfer-Encoding: chunked')
    if (plan.kind === 'digest') fields.push(`Content-Length: ${plan.bytes}`)
    if (plan.kind === 'socket') {
      fields.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13')
      fields.push(`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`)
    }
    const method = isUpload(plan) ? 'POST' : 'GET'
    socket.write(`${method} ${targetOf(plan)} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
    if (isUpload(plan)) {
      await send(plan, (part) => {
        if (this.#isOver) return
        if (plan.kind === 'echo') socket.write(`${part.length.toString(16)}\r\n`)
        socket.write(part)
        if (plan.kind === 'echo') socket.write('\r\n')
      })
      if (plan.kind === 'echo' && !this.#isOver) socket.write('0\r\n\r\n')
    }
    this.#sentAll = true
  }

  async #sendFrames(): Promise<void> {
    const { id, seed, bytes, pauseMs } = this.#plan
    for (const frame of clientFrames(contentOf(id, seed, bytes), frameBytes)) {
      if (this.#isOver || !this.#socket.writable) return
      this.#socket.write(frame)
      await delay(pauseMs)
    }
  }

  #after(ms: number, then: () => void): void {
    this.#timers.push(setTimeout(then, ms))
  }

  #over(end: Seen['end'], why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    // An answer before the end of the request leaves the rest of it on the way.
    if (!this.#sentAll) this.staysOpen = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#resolve(this.#sight.over(end, why, this.#reused))
  }
}
