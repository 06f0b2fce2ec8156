import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2'
import { type Socket, connect } from 'node:net'
import { AnswerCheck } from './answer-check.ts'
import { breakOff } from '../wire/break-off.ts'
import type { Head } from '../wire/message-reader.ts'
import { sendInPieces } from '../wire/pacing.ts'
import type { ExchangeRecord, Ledger } from '../record.ts'
import { extraLines, pathOf } from '../wire/request-bytes.ts'
import type { Leaving, RequestPlan, Visit } from '../scenario/scenario.ts'
import { stamped } from '../wire/stamp.ts'
import { turns, turnsUntil } from '../turns.ts'

/** One session of a client over HTTP/2: a stream for each exchange. */
export class Http2Visit {
  readonly socket: Socket
  readonly #session: ClientHttp2Session
  #left = false

  constructor(
    port: number,
    private readonly visit: Visit,
    private readonly records: readonly ExchangeRecord[],
    private readonly ledger: Ledger,
  ) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('data', () => ledger.moved())
    this.socket.on('close', () => ledger.moved())
    this.#session = connectHttp2('http://gateway.test', { createConnection: () => this.socket })
    this.#session.on('error', () => {})
  }

  async run(): Promise<void> {
    const open: Promise<void>[] = []
    for (const record of this.records) {
      if (this.#left || this.#session.destroyed || this.#session.closed) break
      const exchange = this.#exchange(record)
      open.push(exchange)
      if (!this.visit.pipelined) await exchange
    }
    await Promise.all(open)
    if (this.visit.leaving === 'stays' && !this.#left) return
    if (!this.#left) this.#leave(this.visit.leaving)
    while (!this.socket.closed) {
      await new Promise((resolve) => {
        this.socket.once('close', resolve)
      })
    }
  }

  async #exchange(record: ExchangeRecord): Promise<void> {
    const { request, abort, answer } = record.plan
    const body =
      request.framing === 'none' ? undefined : stamped(record.token, '>', 0, request.size)
    // A length of nothing says as much as an end.
    const nothing = body === undefined || (body.length === 0 && request.framing === 'length')
    record.sent = nothing ? 'whole' : 'part'
    const stream = this.#session.request(fieldsOf(record), { endStream: body === undefined })
    const closed = new Promise<void>((resolve) => {
      stream.once('close', resolve)
    })
    this.#take(stream, record)
    await this.#upload(stream, record, body)
    if (abort?.when === 'in answer') {
      await turnsUntil(() => stream.closed || record.answerBytes > 0)
    }
    if (abort) {
      this.#abort(stream, abort.how)
    } else if (answer.fault === 'holds back' || answer.fault === 'holds on') {
      await turnsUntil(() => stream.closed || record.whole, 20)
      this.#abort(stream, 'fin')
    }
    await closed
  }

  async #upload(
    stream: ClientHttp2Stream,
    record: ExchangeRecord,
    body: Buffer | undefined,
  ): Promise<void> {
    const { request, abort } = record.plan
    if (body === undefined || abort?.when === 'in head' || abort?.when === 'after head') return
    const part = abort?.when === 'in body' ? body.subarray(0, body.length / 2) : body
    const sender = {
      gone: () => stream.destroyed || stream.closed || !stream.writable,
      noticed: () => record.requestBytes + record.answerBytes,
      send: (bytes: Buffer) => void stream.write(bytes, () => this.ledger.moved()),
    }
    // The last piece may arrive before the end is told.
    if (part === body) record.sent = 'whole'
    await sendInPieces(sender, part, request.pace)
    if (part === body && stream.writable) stream.end()
  }

  #take(stream: ClientHttp2Stream, record: ExchangeRecord): void {
    const check = new AnswerCheck(record, this.ledger)
    const moved = (): void => this.ledger.moved()
    let trailers: Head['fields'] = []
    let stopped = false
    stream.on('headers', (_, _flags, raw?: string[]) => {
      const head = headOf(raw)
      check.interim(Number(head.start), head)
    })
    stream.on('response', (_, _flags, raw?: string[]) => {
      moved()
      record.answerBytes += 1
      const head = headOf(raw)
      check.head(Number(head.start), head)
    })
    stream.on('trailers', (_, _flags, raw?: string[]) => {
      trailers = headOf(raw).fields
    })
    stream.on('data', (bytes: Buffer) => {
      moved()
      record.answerBytes += bytes.length
      check.body(bytes)
      const stop = record.plan.stopsReading
      if (!stop || stopped || record.answerBytes <= stop.afterBytes) return
      stopped = true
      stream.pause()
      void turns(stop.turns).then(() => stream.resume())
    })
    stream.on('end', () => {
      moved()
      // A stream that is reset ends as well.
      if (!stream.aborted && (stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR)
        check.end(trailers)
    })
    stream.on('error', moved)
    stream.on('close', moved)
  }

  #abort(stream: ClientHttp2Stream, how: Exclude<Leaving, 'stays'>): void {
    // Not close(), with which Node.js's client ends the body before it resets the stream.
    if (how === 'fin') stream.destroy(new Error('The client gives it up'))
    else this.#leave(how)
  }

  #leave(how: Leaving): void {
    if (this.#left) return
    this.#left = true
    if (how === 'half') {
      // Not destroy(), after which a server of Node.js 22 or 24 may never let go of a stream whose answer it has just written.
      this.#session.goaway()
      void turns(1).then(() => this.socket.destroySoon())
    } else if (how === 'fin') this.#session.close()
    else breakOff(this.socket)
  }
}

function fieldsOf(record: ExchangeRecord): string[] {
  const { token, plan } = record
  const { request, environment } = plan
  const fields = [':method', request.method, ':path', pathOf(token, request)]
  fields.push(':scheme', 'http', ':authority', 'gateway.test')
  if (request.flaw !== 'nowhere') {
    fields.push('x-env-id', request.flaw === 'unknown environment' ? 'nobody' : environment)
  }
  fields.push('x-token', token)
  for (const line of extraLines(http2Extras(request))) {
    const colon = line.indexOf(': ')
    fields.push(line.slice(0, colon), line.slice(colon + 2))
  }
  if (request.extras.includes('te')) fields.push('te', 'trailers')
  if (request.framing === 'length') fields.push('content-length', String(request.size))
  return fields
}

/** What is not for one connection only, which HTTP/2 has no fields for (RFC 9113 §8.2.2). */
function http2Extras({ extras }: RequestPlan): RequestPlan['extras'] {
  return extras.filter((extra) => !['named', 'te', 'close', 'h2c', 'expect'].includes(extra))
}

function headOf(raw: readonly string[] = []): Head {
  const fields: [string, string][] = []
  let start = ''
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === ':status') start = raw[i + 1] ?? ''
    else fields.push([raw[i] ?? '', raw[i + 1] ?? ''])
  }
  return { start, fields }
}
