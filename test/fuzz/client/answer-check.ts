import { isBodiless } from '../wire/answer-bytes.ts'
import { type BodyEnd, type Head, valuesOf } from '../wire/message-reader.ts'
import type { ExchangeRecord, Ledger } from '../record.ts'
import { misfit } from '../wire/stamp.ts'

/** Takes the answers to one exchange, and checks that each byte of them belongs there. */
export class AnswerCheck {
  #own: string | undefined
  #bodyBytes = 0

  constructor(
    private readonly record: ExchangeRecord,
    private readonly ledger: Ledger,
  ) {}

  interim(status: number, head: Head): void {
    const [token] = valuesOf(head, 'x-token')
    // A server in front says so itself.
    if (token === undefined && status === 100) return
    if (token !== this.record.token) this.#violated(`got a ${status} with the token ${token}`)
    if (this.record.plan.request.version === '1.0') this.#violated(`got a ${status} over HTTP/1.0`)
  }

  head(status: number, head: Head): BodyEnd {
    const { record } = this
    const { token, plan } = record
    const { method } = plan.request
    const [code] = valuesOf(head, 'x-alcove-error')
    const tokens = valuesOf(head, 'x-token')
    if (record.sent === 'nothing') this.#violated(`got an answer before it asked`)
    if (code !== undefined) {
      this.#own = ''
      record.outcome = { is: 'own', whole: false, status, code }
      if (tokens.length > 0) this.#violated(`got the gateway's own error with ${tokens.join()}`)
    } else if (tokens.length === 0 && status >= 400) {
      record.outcome = { is: 'refusal', status }
    } else {
      record.outcome = { is: 'answer', whole: false, bytes: 0 }
      this.#answerHead(status, head, tokens)
    }
    if (status === 101) return 'tunnel'
    const bodiless =
      record.outcome.is === 'answer' ? isBodiless(method, plan.answer.status) : method === 'HEAD'
    if (bodiless) return { length: 0 }
    const codings = valuesOf(head, 'transfer-encoding')
    const lengths = valuesOf(head, 'content-length')
    if (codings.length + lengths.length > 1) this.#violated('got an answer with more than one end')
    if (codings.length > 0) {
      if (plan.request.version === '1.0') this.#violated('got chunks over HTTP/1.0')
      return 'chunked'
    }
    const wanted = token && lengths[0]
    return wanted === undefined ? 'close' : { length: Number(wanted) }
  }

  body(bytes: Buffer): void {
    const { record } = this
    if (this.#own !== undefined) {
      this.#own += bytes.toString('latin1')
    } else if (record.outcome.is === 'answer') {
      const wrong = misfit(record.token, '<', this.#bodyBytes, bytes)
      if (wrong !== undefined) this.#violated(`got a wrong body: ${wrong}`)
      this.#bodyBytes += bytes.length
      record.outcome = { ...record.outcome, bytes: this.#bodyBytes }
    }
  }

  end(trailers: Head['fields']): void {
    const { record } = this
    const { outcome } = record
    for (const [name, value] of trailers) {
      if (name.toLowerCase() !== 'x-trailer') continue
      record.trailer = true
      if (value !== record.token) this.#violated(`got the trailer ${name}: ${value}`)
    }
    if (outcome.is === 'own') {
      record.outcome = { ...outcome, whole: true }
      if (this.#own !== '') this.#ownBody(this.#own ?? '', outcome.code)
    } else if (outcome.is === 'answer') {
      record.outcome = { ...outcome, whole: true }
    }
  }

  #answerHead(status: number, head: Head, tokens: readonly string[]): void {
    const { token, plan } = this.record
    if (tokens.length !== 1 || tokens[0] !== token) {
      this.#violated(`got an answer with the token ${tokens.join(' and ') || 'of nobody'}`)
      return
    }
    const right = plan.request.tunnel?.accepted ? 101 : plan.answer.status
    if (status !== right) this.#violated(`got the status ${status}, not ${right}`)
    const is = (field: string, values: string): void => {
      const got = valuesOf(head, field).join('|')
      if (got !== values) this.#violated(`got an answer with ${field}: ${JSON.stringify(got)}`)
    }
    is('x-latin1', 'caf\xe9 \xff')
    is('set-cookie', 'a=1|b=2')
    is('x-hop', '')
    is('x-second', '')
  }

  #ownBody(body: string, code: string): void {
    const problem = JSON.parse(body) as { code?: string; environment?: string }
    const { environment = this.record.plan.environment } = problem
    if (problem.code !== code) this.#violated(`got ${code}, and ${problem.code} in its body`)
    if (environment !== this.record.plan.environment && environment !== 'nobody') {
      this.#violated(`got an error of environment ${environment}`)
    }
  }

  #violated(what: string): void {
    this.ledger.violated(`The client of ${this.record.token} ${what}`)
  }
}
