import type { Exchange, Extra, RequestPlan } from '../scenario/scenario.ts'
import { stamped } from './stamp.ts'

/** A request as it is written over HTTP/1.1. */
export interface RequestBytes {
  readonly head: Buffer
  readonly body: Buffer
  /** Whether no more can follow, so that the client has to end. */
  readonly unfinished: boolean
}

/** The path that an environment has to be asked for. */
export function pathOf(token: string, { target }: RequestPlan): string {
  switch (target) {
    case 'path':
      return `/${token}?a=1`
    case 'absolute':
      return `/${token}/absolute`
    case 'slashes':
      return `//else.test/${token}`
    case 'escapes':
      return `/%2e%2e/a%2Fb/${token}?q=%20%00`
  }
}

const extraFields: Readonly<Record<Extra, readonly string[]>> = {
  latin1: ['x-latin1: caf\xe9 \xff'],
  named: ['connection: x-hop, keep-alive', 'x-hop: 1', 'keep-alive: timeout=5'],
  te: ['te: trailers, gzip'],
  trailer: ['trailer: x-sum'],
  expect: ['expect: 100-continue'],
  close: ['connection: close'],
  cookies: ['cookie: a=1', 'cookie: b=2'],
  forwarded: ['forwarded: for=192.0.2.1', 'x-forwarded-for: 192.0.2.1'],
  h2c: ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABk'],
}

/** The fields that say what else a request wants, without those of its body. */
export function extraLines(extras: readonly Extra[]): string[] {
  return extras.flatMap((extra) => extraFields[extra])
}

export function requestBytes(token: string, { environment, request }: Exchange): RequestBytes {
  const { flaw, framing, size, tunnel } = request
  if (flaw === 'garbage')
    return finished(Buffer.from('\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 'latin1'))
  const lines = [startLine(token, request)]
  if (flaw !== 'no host') lines.push('host: gateway.test')
  if (flaw === 'two hosts') lines.push('host: else.test')
  if (flaw !== 'nowhere') {
    lines.push(`x-env-id: ${flaw === 'unknown environment' ? 'nobody' : environment}`)
  }
  lines.push(`x-token: ${token}`, ...extraLines(request.extras))
  if (flaw === 'folded') lines.push('x-folded: a', ' b')
  if (flaw === 'space before colon') lines.push('x-space : a')
  if (flaw === 'control character') lines.push('x-control: a\x01b')
  if (flaw === 'huge head') lines.push(`x-huge: ${'h'.repeat(20_000)}`)
  if (flaw === 'expectation') lines.push('expect: wonders')
  if (tunnel) {
    lines.push('connection: keep-alive, upgrade', 'upgrade: websocket')
    lines.push('sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==')
  }
  lines.push(...framingLines(request))
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const content = stamped(token, '>', 0, size)
  if (isChunked(request)) {
    const ending = flaw === 'bad chunk' ? 'zz\r\n' : `0\r\n${trailerLines(request)}\r\n`
    const unfinished = flaw === 'unended chunks'
    const body = Buffer.concat([chunked(content), Buffer.from(unfinished ? '' : ending)])
    return { head, body, unfinished }
  }
  if (flaw === 'long body') {
    return { head, body: Buffer.concat([content, Buffer.from('more\r\n\r\n')]), unfinished: false }
  }
  return {
    head,
    body: framing === 'none' ? Buffer.alloc(0) : content,
    unfinished: flaw === 'short body',
  }
}

/** Bytes in chunks of odd sizes, without the last, empty one. */
export function chunked(content: Buffer): Buffer {
  const parts: Buffer[] = []
  const sizes = [1, 4096, 17, 65_536]
  for (let at = 0, i = 0; at < content.length; i += 1) {
    const chunk = content.subarray(at, at + (sizes[i % sizes.length] ?? 1))
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
    at += chunk.length
  }
  return Buffer.concat(parts)
}

function startLine(token: string, request: RequestPlan): string {
  const { flaw, version } = request
  const path = pathOf(token, request)
  const target = request.target === 'absolute' ? `http://else.test:81${path}` : path
  switch (flaw) {
    case 'unknown method':
      return `FROBNICATE ${target} HTTP/1.1`
    case 'lower-case method':
      return `get ${target} HTTP/1.1`
    case 'asterisk':
      return 'OPTIONS * HTTP/1.1'
    case 'no slash':
      return `GET ${token} HTTP/1.1`
    case 'CONNECT':
      return 'CONNECT else.test:443 HTTP/1.1'
    case 'version':
      return `GET ${target} HTTP/3.7`
    case undefined:
    default:
      return `${request.method} ${target} HTTP/${version}`
  }
}

function framingLines(request: RequestPlan): string[] {
  const { flaw, framing, size } = request
  switch (flaw) {
    case 'two lengths':
      return [`content-length: ${size}`, `content-length: ${size + 1}`]
    case 'length and chunked':
      return [`content-length: ${size}`, 'transfer-encoding: chunked']
    case 'coding':
      return ['transfer-encoding: gzip, chunked']
    case 'chunked twice':
      return ['transfer-encoding: chunked', 'transfer-encoding: chunked']
    case 'short body':
      return [`content-length: ${size + 10}`]
    case 'long body':
      return [`content-length: ${size}`]
    case undefined:
    default:
      if (isChunked(request)) return ['transfer-encoding: chunked']
      return framing === 'length' ? [`content-length: ${size}`] : []
  }
}

function isChunked({ flaw, framing }: RequestPlan): boolean {
  switch (flaw) {
    case 'length and chunked':
    case 'coding':
    case 'chunked twice':
    case 'bad chunk':
    case 'unended chunks':
      return true
    case 'two lengths':
    case 'short body':
    case 'long body':
      return false
    case undefined:
    default:
      return framing === 'chunked'
  }
}

function trailerLines({ extras }: RequestPlan): string {
  return extras.includes('trailer') ? 'x-sum: 1\r\n' : ''
}

function finished(head: Buffer): RequestBytes {
  return { head, body: Buffer.alloc(0), unfinished: false }
}
