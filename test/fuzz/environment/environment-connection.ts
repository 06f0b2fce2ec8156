import type { Socket } from 'node:net'
import { answerBytes, interimBytes, soundAnswer } from '../wire/answer-bytes.ts'
import { breakOff } from '../wire/break-off.ts'
import { checkArrival, tokenOf } from './arrival-check.ts'
import { type BodyEnd, type Head, MessageReader } from '../wire/message-reader.ts'
import { sendInPieces } from '../wire/pacing.ts'
import type { Arrival, ExchangeRecord, Ledger } from '../record.ts'
import type { AnswerPlan, EnvironmentName } from '../scenario/scenario.ts'
import { misfit } from '../wire/stamp.ts'
import { TunnelEnd } from '../wire/tunnel-end.ts'
import { turns } from '../turns.ts'

interface Current {
  readonly record: ExchangeRecord
  readonly arrival: Arrival
  readonly plan: AnswerPlan
  answering: boolean
}

/** One connection of the gateway to an environment: checks what comes, and answers as planned. */
export class EnvironmentConnection {
  readonly #reader = new MessageReader({
    head: (head) => this.#onHead(head),
    body: (bytes) => this.#onBody(bytes),
    end: () => this.#onEnd(),
    broken: (why) => this.#violated(`was sent ${why}`),
  })
  #current: Current | undefined
  #tunnel: TunnelEnd | undefined
  #requests = 0
  #ended = false
  #tell: () => void = () => {}
  #stopped = false

  constructor(
    readonly name: EnvironmentName,
    readonly socket: Socket,
    readonly ledger: Ledger,
  ) {}

  listen(): void {
    const { socket, ledger } = this
    socket.on('data', (chunk: Buffer) => {
      ledger.moved()
      if (this.#current) this.#current.record.requestBytes += chunk.length
      this.#reader.push(chunk)
    })
    socket.on('error', () => {})
    socket.on('end', () => {
      ledger.moved()
      this.#ended = true
      if (this.#tunnel) this.#tunnel.otherEnded()
      else socket.end()
      this.#tell()
    })
    socket.on('close', () => {
      ledger.moved()
      this.#ended = true
      this.#tell()
    })
  }

  #onHead(head: Head): BodyEnd | undefined {
    const { name, ledger, socket } = this
    const before = this.#current
    if (before?.answering)
      this.#violated(`got another request, ${head.start}, before it had answered`)
    const record = ledger.records.get(tokenOf(head))
    if (!record) {
      this.#violated(`got ${head.start}, which nobody sent`)
      return { length: 0 }
    }
    this.#requests += 1
    const arrival = {
      socket,
      reused: this.#requests > 1,
      whole: false,
      bodyBytes: 0,
      answered: false,
    }
    record.arrivals.push(arrival)
    record.requestBytes += 1
    const { framing, wrong } = checkArrival(name, head, record)
    for (const what of wrong) this.#violated(what)
    const again = record.arrivals.length > 1
    const plan = again ? soundAnswer(record.plan.answer) : record.plan.answer
    this.#current = { record, arrival, plan, answering: true }
    const { tunnel } = record.plan.request
    if (tunnel?.accepted) {
      this.#tunnel = new TunnelEnd('environment', record, tunnel, socket, ledger)
    }
    void this.#answer(this.#current)
    return this.#tunnel ? 'tunnel' : framing
  }

  #onBody(bytes: Buffer): void {
    if (this.#tunnel) {
      this.#tunnel.take(bytes)
      return
    }
    const current = this.#current
    if (!current) return
    const { record, arrival, plan } = current
    const wrong = misfit(record.token, '>', arrival.bodyBytes, bytes)
    if (wrong !== undefined) this.#violated(wrong)
    arrival.bodyBytes += bytes.length
    const { stopsReading } = plan
    if (stopsReading && !this.#stopped && arrival.bodyBytes > stopsReading.afterBytes) {
      this.#stopped = true
      this.socket.pause()
      void turns(stopsReading.turns).then(() => this.socket.resume())
    }
  }

  #onEnd(): void {
    const current = this.#current
    if (!current) return
    const { record, arrival } = current
    arrival.whole = true
    const { flaw, size } = record.plan.request
    if (flaw === 'short body' || flaw === 'unended chunks' || flaw === 'bad chunk') {
      this.#violated(`got ${record.token} as if it were whole, though its client sent a ${flaw}`)
    } else if (record.sent !== 'whole') {
      this.#violated(
        `got ${record.token} as if it were whole, before its client had sent all of it`,
      )
    } else if (arrival.bodyBytes !== size) {
      this.#violated(`got ${arrival.bodyBytes} bytes of body of ${record.token}, not ${size}`)
    }
    this.#tell()
  }

  /** Until all of a request is here. @returns whether it is */
  async #whole(arrival: Arrival): Promise<boolean> {
    while (!arrival.whole && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#tell = resolve
      })
    }
    return arrival.whole
  }

  async #answer(current: Current): Promise<void> {
    const { record, arrival, plan } = current
    const { token } = record
    const { fault } = plan
    if (!this.#tunnel && plan.when !== 'head' && !(await this.#whole(arrival))) return
    await turns(plan.when === 'late' ? 10 : 0)
    if (fault === 'holds back') return
    if (fault === 'dies before head') return this.#end('fin')
    if (fault === 'resets before head') return this.#end('rst')
    for (const status of plan.interims) this.#send(arrival, interimBytes(token, status))
    if (this.#tunnel) {
      await turns(1)
      arrival.answered = this.socket.writable
      this.#tunnel.accept()
      return
    }
    const { head, body, end, inOnePiece } = answerBytes(token, record.plan, plan)
    const bytes = Buffer.concat([
      head,
      fault === 'holds on' ? body.subarray(0, body.length / 2) : body,
    ])
    const sender = {
      send: (piece: Buffer) => this.#send(arrival, piece),
      gone: () => this.#ended,
      noticed: () => record.answerBytes,
    }
    await sendInPieces(sender, bytes, inOnePiece ? { cuts: [], pause: 0 } : plan.pace)
    if (fault === 'holds on') return
    current.answering = false
    if (end === undefined) return
    if (plan.after === 'fin' || plan.after === 'rst') await turns(3)
    this.#end(end)
  }

  #send(arrival: Arrival, bytes: Buffer): void {
    if (this.socket.writable) {
      arrival.answered = true
      this.socket.write(bytes, () => this.ledger.moved())
    }
  }

  #end(how: 'fin' | 'rst'): void {
    this.#ended = true
    if (this.#current) this.#current.answering = false
    if (how === 'fin') this.socket.end()
    else breakOff(this.socket)
  }

  #violated(what: string): void {
    this.ledger.violated(`Environment ${this.name} ${what}`)
  }
}
