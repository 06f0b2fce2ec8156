import { STATUS_CODES } from 'node:http'
import { removeFrom } from './headers.js'
import { http2Fields } from './http2-fields.js'
import { type FrontRequest, type FrontResponse, isHttp2Response, knowsHttp11 } from './messages.js'
import type { ResponseFields } from './response-headers.js'

/** Of all interim answers to one request: as much as the fields of one head may have. */
export const mostInterimBytes = 128 * 1024
/** A status line and what is between the fields, about. */
const lineBytes = 64

/** How much an interim answer counts. */
export function interimBytes(raw: readonly Buffer[]): number {
  let bytes = lineBytes
  for (const { length } of raw) bytes += length
  return bytes
}

// Neither 1xx nor 204 may have it, and whoever counts would wait for a body (RFC 9110 §8.6).
const lengths = ['content-length']

/** Takes away the length that answers without a body may not have. */
export function removeLength({ flat }: ResponseFields): void {
  removeFrom(flat, lengths)
}

/**
 * Relays a 1xx answer, which a client of HTTP/1.0 knows nothing of (RFC 9110 §15.2). It is a hint: one that would have to wait for
 * the client, or that can't be sent, is dropped.
 */
export function relayInterim(
  request: FrontRequest,
  response: FrontResponse,
  status: number,
  fields: ResponseFields,
): void {
  removeLength(fields)
  const { flat } = fields
  if (isHttp2Response(response)) {
    try {
      response.stream.additionalHeaders(Object.assign(http2Fields(flat), { ':status': status }))
    } catch {
      // Whatever it is, the answer itself is not to suffer for it.
    }
  } else if (knowsHttp11(request) && response.socket?.writableNeedDrain === false) {
    // Straight to the socket, since `writeEarlyHints` knows one status and, on Node.js 22, no answer without Link. A response
    // has a socket once all before it are out; one that still waits for its turn goes without.
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
    for (let i = 0; i < flat.length; i += 2) head += `${flat[i]}: ${flat[i + 1]}\r\n`
    response.socket.write(`${head}\r\n`, 'latin1')
  }
}
