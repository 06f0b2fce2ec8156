import { STATUS_CODES, ServerResponse } from 'node:http'
import { type FieldValue, http2Fields } from './http2-fields.js'
import { type FrontResponse, isHttp2Response, knowsHttp11 } from './messages.js'
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
  const before = response.getHeaders()
  const reason = isHttp2Response(response) ? '' : response.statusMessage
  try {
    return write(response, status, message, flat)
  } catch (error) {
    // What an environment can't say must not be half said beside the error that is answered instead.
    if (!response.headersSent) {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      for (const [name, value] of Object.entries(before)) {
        if (value !== undefined) response.setHeader(name, value)
      }
      if (!isHttp2Response(response)) response.statusMessage = reason
    }
    throw error
  }
}

function write(response: FrontResponse, status: number, message: string, flat: string[]): boolean {
  if (isHttp2Response(response)) {
    for (const [name, value] of Object.entries(http2Fields(flat))) setField(response, name, value)
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
    return (
      response.write === ServerResponse.prototype.write &&
      response.end === ServerResponse.prototype.end
    )
  }
  // Somebody has put a function of their own in its place, and those seldom understand a flat list.
  for (const { name, value } of together(flat)) setField(response, name, value)
  response.writeHead(status, reason)
  return false
}

// undici decodes it as UTF-8, so that anything else arrives as U+FFFD, which Node.js refuses to write.
function isReasonPhrase(message: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(message)
}

interface Field {
  readonly name: string
  value: FieldValue
}

/** The fields with their repeats in one, spelt as the first. */
function together(flat: readonly string[]): Iterable<Field> {
  const fields = new Map<string, Field>()
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const value = flat[i + 1] as string
    const field = fields.get(name.toLowerCase())
    if (!field) fields.set(name.toLowerCase(), { name, value })
    else if (typeof field.value === 'string') field.value = [field.value, value]
    else field.value.push(value)
  }
  return fields.values()
}

function setField(response: FrontResponse, name: string, value: FieldValue): void {
  const hosts = name.toLowerCase() === 'set-cookie' ? response.getHeader(name) : undefined
  response.setHeader(name, hosts === undefined ? value : [hosts, value].flat().map(String))
}

/** Adds what follows the body (RFC 9110 §6.5), but nothing that can't be sent: trailers may be lost on any way. */
export function relayTrailers(response: FrontResponse, raw: readonly Buffer[]): void {
  const pairs = trailerFields(raw)
  try {
    if (isHttp2Response(response)) response.addTrailers(http2Fields(pairs.flat()))
    else response.addTrailers(pairs)
  } catch {
    // The answer is whole without.
  }
}
