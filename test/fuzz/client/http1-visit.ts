import { type Socket, connect } from 'node:net'
import { AnswerCheck } from './answer-check.ts'
import { breakOff } from '../wire/break-off.ts'
import { type BodyEnd, type Head, MessageReader, valuesOf } from '../wire/message-reader.ts'
import { sendInPieces } from '../wire/pacing.ts'
import type { ExchangeRecord, Ledger } from '../record.ts'
import { requestBytes } from '../wire/request-bytes.ts'
import type { Exchange, Leaving, Visit } from '../scenario/scenario.ts'
import { TunnelEnd, earlyBytes, tunnelBytes } from '../wire/tunnel-end.ts'
import { turns, turnsUntil } from '../turns.ts'

/** One connection of a client over HTTP/1.1: sends as planned, and checks what comes. */
export class Http1Visit {
  readonly socket: Socket
  readonly #reader = new MessageReader({
    head: (head) => this.#onHead(head),
    body: (bytes) => (this.#tunnel ? this.#tunnel.take(bytes) : this.#check?.body(bytes)),
    end: (trailers) => this.#onEnd(trailers),
    broken: (why) => this.#violated(`got ${why}`),
  })
  #at = 0
  #check: AnswerCheck | undefined
  #interim = false
  #continued = false
  #tunnel: TunnelEnd | undefined
  /** The other side has ended, or it is all over. */
  #over = false
  #left = false
  #sending = false
  #stopped = false
  #tell: () => void = () => {}

  constructor(
    port: number,
    private readonly visit: Visit,
    private readonly records: readonly ExchangeRecord[],
    private readonly ledger: Ledger,
  ) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket = socket
    socket.on('connect', () => this.#tell())
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', () => {})
    socket.on('end', () => {
      this.#reader.finish()
      this.#tunnel?.otherEnded()
      socket.end()
      this.#gone()
    })
    socket.on('close', () => this.#gone())
  }

  async run(): Promise<void> {
    await this.#until(() => !this.socket.connecting)
    for (const record of this.records) {
      if (this.#over || this.#left) break
      this.#sending = true
      await this.#send(record)
      this.#sending = false
      if (this.#left) break
      // The environment may have agreed before all that goes out with the head was sent.
      this.#tunnel?.open()
      if (isLast(record.plan)) break
      if (!this.visit.pipelined) await this.#answered(record)
    }
    for (const record of this.records) {
      if (!this.#over && !this.#left && record.sent !== 'nothing') await this.#answered(record)
    }
    if (this.#left || this.visit.leaving !== 'stays') {
      if (!this.#left) this.#leave(this.visit.leaving)
      await this.#until(() => this.socket.closed)
    }
  }

  async #send(record: ExchangeRecord): Promise<void> {
    const { request, abort } = record.plan
    const { head, body, unfinished } = requestBytes(record.token, record.plan)
    const early = request.tunnel
      ? earlyBytes(tunnelBytes(record.token, '>', request.tunnel), request.tunnel)
      : body
    // What comes behind is none of it.
    const rest = request.flaw === 'long body' ? request.size : body.length
    const total = head.length + (request.tunnel ? 0 : rest)
    let sent = 0
    const sender = {
      gone: () => this.#over,
      noticed: () => record.requestBytes + record.answerBytes,
      send: (bytes: Buffer) => {
        sent += bytes.length
        record.sent = sent >= total && !unfinished ? 'whole' : 'part'
        if (this.socket.writable) this.socket.write(bytes, () => this.ledger.moved())
      },
    }
    const { pace } = request
    if (abort?.when === 'in head') {
      await sendInPieces(sender, head.subarray(0, head.length / 2), pace)
    } else if (request.extras.includes('expect') || abort?.when === 'after head') {
      await sendInPieces(sender, head, pace)
      if (abort?.when !== 'after head') {
        await turnsUntil(() => this.#over || this.#continued || record.answerBytes > 0, 50)
        await sendInPieces(sender, early, pace)
      }
    } else {
      const cut = abort?.when === 'in body' ? early.subarray(0, early.length / 2) : early
      await sendInPieces(sender, Buffer.concat([head, cut]), pace)
    }
    if (abort?.when === 'in answer') await turnsUntil(() => this.#over || record.answerBytes > 0)
    if (abort) this.#leave(abort.how)
    else if (unfinished) this.#leave('half')
  }

  /** Until an answer is whole, or there will be none. */
  async #answered(record: ExchangeRecord): Promise<void> {
    const { answer } = record.plan
    if (answer.fault === 'holds back' || answer.fault === 'holds on') {
      await turnsUntil(() => this.#over || record.whole, 20)
      const { leaving } = this.visit
      if (!this.#over && !record.whole) this.#leave(leaving === 'stays' ? 'fin' : leaving)
      return
    }
    await this.#until(() => this.#over || record.whole)
  }

  #leave(how: Leaving): void {
    this.#left = true
    if (how === 'half') this.socket.end()
    else if (how === 'fin') this.socket.destroy()
    else breakOff(this.socket)
  }

  #onData(chunk: Buffer): void {
    this.ledger.moved()
    const record = this.records[this.#at]
    this.#reader.push(chunk)
    if (!record) return
    record.answerBytes += chunk.length
    const stop = record.plan.stopsReading
    if (stop && !this.#stopped && record.answerBytes > stop.afterBytes && !this.socket.destroyed) {
      this.#stopped = true
      this.socket.pause()
      void turns(stop.turns).then(() => this.socket.resume())
    }
    this.#tell()
  }

  #onHead(head: Head): BodyEnd | undefined {
    const record = this.records[this.#at]
    const [, version, digits] = /^HTTP\/1\.([01]) (\d{3})( .*)?$/.exec(head.start) ?? []
    const status = Number(digits)
    const before = this.records[this.#at - 1]
    // What is behind a body, and a body that ends too soon, is a bad request to the server, whatever was answered before.
    const unasked = record === undefined || record.sent === 'nothing'
    const spoilt = before?.plan.request.flaw !== undefined || before?.plan.abort !== undefined
    if (spoilt && unasked && status === 400) {
      this.#check = undefined
      return 'close'
    }
    if (!record || before?.last) return undefined
    if (!status) {
      this.#violated(`got ${head.start}`)
      return undefined
    }
    this.#interim = status < 200 && status !== 101
    const check = new AnswerCheck(record, this.ledger)
    if (this.#interim) {
      this.#continued = true
      check.interim(status, head)
      return { length: 0 }
    }
    this.#check = check
    const end = check.head(status, head)
    const options = valuesOf(head, 'connection').join().toLowerCase()
    record.last =
      end === 'close' ||
      end === 'tunnel' ||
      options.includes('close') ||
      (version === '0' && !options.includes('keep-alive'))
    const { tunnel } = record.plan.request
    if (end === 'tunnel' && tunnel) {
      this.#tunnel = new TunnelEnd('client', record, tunnel, this.socket, this.ledger)
      if (!this.#sending) this.#tunnel.open()
    }
    return end
  }

  #onEnd(trailers: Head['fields']): void {
    if (this.#interim) return
    this.#check?.end(trailers)
    this.#at += 1
    this.#continued = false
    this.#stopped = false
  }

  #gone(): void {
    this.ledger.moved()
    this.#over = true
    this.#tell()
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.socket.closed) {
      await new Promise<void>((resolve) => {
        this.#tell = resolve
      })
    }
  }

  #violated(what: string): void {
    this.ledger.violated(`The client of ${this.records[0]?.token.slice(0, 3)} ${what}`)
  }
}

/** Whether nothing may be sent behind a request, since its connection ends with it or may be for another protocol then. */
function isLast({ request }: Exchange): boolean {
  const { tunnel, extras, version } = request
  // Where an offer is not taken, Node.js drops what follows it in the same read, and takes no notice of what it can't read later.
  return (
    tunnel !== undefined || version === '1.0' || extras.includes('h2c') || extras.includes('close')
  )
}
