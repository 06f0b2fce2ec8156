import { STATUS_CODES, ServerResponse } from 'node:http'
import { type FrontRequest, type FrontResponse, isHttp2Response, knowsHttp11 } from './messages.js'
import { type ResponseFields, trailerFields } from './response-headers.js'

/**
 * Writes status and fields, over what the host may have set before.
 *
 * @returns whether the response is Node.js's own, with nothing in its place
 */
export function writeHead(
  response: FrontResponse,
  status: number,
  message: string,
  { flat, trailer }: ResponseFields,
): boolean {
  if (trailer !== undefined) flat.push('Trailer', trailer)
  if (isHttp2Response(response)) {
    setFields(response, flat)
    response.writeHead(status)
    return false
  }
  // Node.js would send chunks to a client of HTTP/1.0 that claims to know them.
  if (!knowsHttp11(response.req)) response.useChunkedEncodingByDefault = false
  const usual = STATUS_CODES[status] ?? ''
  const reason = message === usual || isReasonPhrase(message) ? message : usual
  if (response.writeHead === ServerResponse.prototype.writeHead) {
    // Cookies that the host has set are its own; everything else the environment knows better.
    const cookies = response.getHeader('set-cookie')
    if (cookies !== undefined) {
      for (const cookie of [cookies].flat()) flat.push('Set-Cookie', String(cookie))
    }
    response.writeHead(status, reason, flat)
    return response.write === ServerResponse.prototype.write
  }
  // Somebody has put a function of their own in its place, and those seldom understand a flat list.
  setFields(response, flat)
  response.writeHead(status, reason)
  return false
}

// undici decodes it as UTF-8, so that anything else arrives as U+FFFD, which Node.js refuses to write.
function isReasonPhrase(message: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(message)
}

function setFields(response: FrontResponse, flat: readonly string[]): void {
  const set: string[] = ['set-cookie']
  try {
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i] as string
      const lower = name.toLowerCase()
      if (set.includes(lower)) {
        response.appendHeader(name, flat[i + 1] as string)
      } else {
        set.push(lower)
        response.setHeader(name, flat[i + 1] as string)
      }
    }
  } catch (error) {
    // What an environment can't say must not be half said beside the error that is answered instead.
    for (const name of set) response.removeHeader(name)
    throw error
  }
}

/** Relays a 1xx answer, which a client of HTTP/1.0 knows nothing of (RFC 9110 §15.2). */
export function relayInterim(
  request: FrontRequest,
  response: FrontResponse,
  status: number,
  { flat }: ResponseFields,
): void {
  if (isHttp2Response(response)) {
    const headers: Record<string, string | number | string[]> = { ':status': status }
    for (let i = 0; i < flat.length; i += 2) {
      const name = (flat[i] as string).toLowerCase()
      const value = flat[i + 1] as string
      const before = headers[name]
      headers[name] = before === undefined ? value : [String(before), value].flat()
    }
    response.stream.additionalHeaders(headers)
  } else if (knowsHttp11(request)) {
    // Straight to the socket, since `writeEarlyHints` knows one status and, on Node.js 22, no answer without Link. A response
    // has a socket once all before it are out; one that still waits for its turn goes without.
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
    for (let i = 0; i < flat.length; i += 2) head += `${flat[i]}: ${flat[i + 1]}\r\n`
    response.socket?.write(`${head}\r\n`, 'latin1')
  }
}

/** Adds what follows the body (RFC 9110 §6.5). */
export function relayTrailers(response: FrontResponse, raw: readonly Buffer[]): void {
  const pairs = trailerFields(raw)
  if (isHttp2Response(response)) response.addTrailers(Object.fromEntries(pairs))
  else response.addTrailers(pairs)
}
