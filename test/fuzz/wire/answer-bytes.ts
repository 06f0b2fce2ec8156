import { chunked } from './request-bytes.ts'
import type { AnswerPlan, Exchange, Fault } from '../scenario/scenario.ts'
import { stamped } from './stamp.ts'

/** An answer as an environment writes it. */
export interface AnswerBytes {
  readonly head: Buffer
  readonly body: Buffer
  /** How the connection ends then, `undefined` where it stays. */
  readonly end: 'fin' | 'rst' | undefined
  /** What may not be cut, so that it is read at once with what comes before it. */
  readonly inOnePiece: boolean
}

/** Whether an answer has no body whatever its fields say (RFC 9112 §6.3). */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** What an environment answers that does everything right. */
export function soundAnswer(plan: AnswerPlan): AnswerPlan {
  return { ...plan, fault: undefined, after: 'keep', stopsReading: undefined }
}

export function interimBytes(token: string, status: number): Buffer {
  return Buffer.from(`HTTP/1.1 ${status} Wait\r\nx-token: ${token}\r\nlink: </a>\r\n\r\n`)
}

export function answerBytes(token: string, { request }: Exchange, plan: AnswerPlan): AnswerBytes {
  const { fault, after } = plan
  const inOnePiece = fault === 'second answer' || fault === 'long length'
  const bodiless = isBodiless(request.method, plan.status)
  const head = Buffer.from(answerHead(token, plan, bodiless), 'latin1')
  const content = bodiless ? Buffer.alloc(0) : stamped(token, '<', 0, plan.size)
  let body = plan.framing === 'chunked' || plan.framing === 'events' ? chunked(content) : content
  let end: AnswerBytes['end'] = after === 'keep' ? undefined : after === 'rst' ? 'rst' : 'fin'
  if (plan.framing === 'close' || plan.version === '1.0') end ??= 'fin'
  if (body !== content && !bodiless) {
    const trailers = plan.trailers ? `x-trailer: ${token}\r\n` : ''
    body = Buffer.concat([body, Buffer.from(`0\r\n${trailers}\r\n`)])
  }
  switch (fault) {
    case 'dies in head':
      return { head: head.subarray(0, head.length / 2), body: empty, end: 'fin', inOnePiece }
    case 'dies in body':
    case 'short length':
      return { head, body: body.subarray(0, body.length / 2), end: 'fin', inOnePiece }
    case 'resets in body':
      return { head, body: body.subarray(0, body.length / 2), end: 'rst', inOnePiece }
    case 'truncated chunk':
      return { head, body: cut(chunked(content), 'ffff\r\n'), end: 'fin', inOnePiece }
    case 'bad chunk':
      return { head, body: cut(chunked(content), 'zz\r\n'), end: undefined, inOnePiece }
    case 'long length':
      return { head, body: cut(body, 'and more'), end: undefined, inOnePiece }
    case 'second answer': {
      const second = `HTTP/1.1 200 OK\r\nx-token: ${token}\r\nx-second: 1\r\ncontent-length: 2\r\n\r\nno`
      return { head, body: cut(body, second), end: undefined, inOnePiece }
    }
    case undefined:
    default:
      return { head, body, end, inOnePiece }
  }
}

function answerHead(token: string, plan: AnswerPlan, bodiless: boolean): string {
  const { fault, status, version } = plan
  const code = fault === 'status 099' ? '099' : fault === 'unasked 101' ? '101' : status
  if (fault === 'garbage') return 'SSH-2.0-OpenSSH_9.9\r\n\r\n'
  const lines = [
    `HTTP/${version} ${code} Said`,
    `x-token: ${token}`,
    'x-latin1: caf\xe9 \xff',
    'set-cookie: a=1',
    'set-cookie: b=2',
  ]
  const options = ['x-hop', ...(plan.after === 'close' ? ['close'] : [])]
  lines.push(`connection: ${options.join(', ')}`, 'x-hop: 1', ...framingLines(plan, bodiless))
  if (fault === 'unasked 101') lines.push('connection: upgrade', 'upgrade: h2c')
  if (fault === 'huge head') lines.push(`x-huge: ${'h'.repeat(140_000)}`)
  if (fault === 'bad field') lines.push('x bad: a\x00b')
  if (plan.framing === 'events') lines.push('content-type: text/event-stream')
  return `${lines.join('\r\n')}\r\n\r\n`
}

function framingLines(plan: AnswerPlan, bodiless: boolean): string[] {
  const { fault, framing, size, status } = plan
  if (fault === 'two lengths') return ['content-length: 1', 'content-length: 2']
  if (fault === 'length and chunked') return ['content-length: 1', 'transfer-encoding: chunked']
  if (fault === 'other coding') return ['transfer-encoding: gzip, chunked']
  // A server must not send either with 204 (RFC 9112 §6.1, RFC 9110 §8.6).
  if (status === 204) return []
  if (fault === 'short length') return [`content-length: ${size + 10}`]
  switch (framing) {
    case 'length':
      return [`content-length: ${size}`]
    case 'close':
      return bodiless ? [] : []
    case 'chunked':
    case 'events':
      return ['transfer-encoding: chunked']
  }
}

const empty = Buffer.alloc(0)

function cut(body: Buffer, more: string): Buffer {
  return Buffer.concat([body, Buffer.from(more)])
}

/** Whether an environment's connection may break, or hold something more, when the next request is written to it. */
export function isUnreliable(plan: AnswerPlan): boolean {
  return (
    plan.after === 'fin' ||
    plan.after === 'rst' ||
    plan.fault === 'long length' ||
    plan.fault === 'second answer'
  )
}

/** What becomes of an answer with a fault, where client and connection have none. */
export function faultFate(fault: Fault): 'held' | 'error' | 'cut' | 'whole' {
  switch (fault) {
    case 'holds back':
    case 'holds on':
      return 'held'
    case 'dies before head':
    case 'resets before head':
    case 'dies in head':
    case 'garbage':
    case 'status 099':
    case 'unasked 101':
    case 'two lengths':
    case 'length and chunked':
    case 'other coding':
    case 'huge head':
    case 'bad field':
      return 'error'
    case 'dies in body':
    case 'resets in body':
    case 'short length':
    case 'truncated chunk':
    case 'bad chunk':
      return 'cut'
    case 'long length':
    case 'second answer':
      return 'whole'
  }
}
