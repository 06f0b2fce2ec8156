import { STATUS_CODES } from 'node:http'
import { type FrontRequest, type FrontResponse, isHttp2Response } from './messages.js'
import { responseFields } from './response-headers.js'

/** Relays a 1xx answer, which a client of HTTP/1.0 knows nothing of (RFC 9110 §15.2). */
export function relayInterim(
  request: FrontRequest,
  response: FrontResponse,
  status: number,
  raw: readonly Buffer[],
): void {
  if (response.headersSent) return
  const { flat } = responseFields(raw, undefined, undefined)
  if (isHttp2Response(response)) {
    const headers: Record<string, string | string[]> = {}
    for (let i = 0; i < flat.length; i += 2) {
      const name = (flat[i] as string).toLowerCase()
      const value = flat[i + 1] as string
      const before = headers[name]
      headers[name] = before === undefined ? value : [before, value].flat()
    }
    response.stream.additionalHeaders({ ...headers, ':status': status })
    return
  }
  if (request.httpVersionMajor === 1 && request.httpVersionMinor === 0) return
  // Straight to the socket: `writeEarlyHints` knows one status and, on Node.js 22, no answer without Link. A response has a
  // socket once all before it are out. One that waits for its turn goes without.
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let i = 0; i < flat.length; i += 2) head += `${flat[i]}: ${flat[i + 1]}\r\n`
  response.socket?.write(`${head}\r\n`, 'latin1')
}
