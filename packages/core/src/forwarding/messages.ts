import type { Duplex } from 'node:stream'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Http2ServerRequest,
  type Http2ServerResponse,
  constants as http2Constants,
} from 'node:http2'

/** A request of `node:http`, or of `node:http2`'s compatibility API. */
export type FrontRequest = IncomingMessage | Http2ServerRequest
/** A response of `node:http`, or of `node:http2`'s compatibility API. */
export type FrontResponse = ServerResponse | Http2ServerResponse

/** Whether a request came over HTTP/2. */
export function isHttp2Request(request: FrontRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}

/** Whether a response belongs to an HTTP/2 stream. */
export function isHttp2Response(response: FrontResponse): response is Http2ServerResponse {
  return 'createPushResponse' in response
}

/** Whether the client knows chunks, trailers and 1xx. */
export function knowsHttp11(request: FrontRequest): boolean {
  return request.httpVersionMajor > 1 || request.httpVersionMinor > 0
}

/** Whether a request has a body (RFC 9112 §6.3, RFC 9113 §8.1), come or not. */
export function hasBody(request: FrontRequest): boolean {
  if (isHttp2Request(request)) return !request.stream.endAfterHeaders
  const { 'transfer-encoding': coding, 'content-length': length = '0' } = request.headers
  return coding !== undefined || Number(length) !== 0
}

/**
 * Whether a request says in two ways where it ends, or in one that its version does not know: what follows it on its connection may
 * be a part of it to somebody else, and is not to be read (RFC 9112 §6.1).
 */
export function isFaultyFraming(request: FrontRequest): boolean {
  const { headers } = request
  if (headers['transfer-encoding'] === undefined) return false
  return headers['content-length'] !== undefined || !knowsHttp11(request)
}

/**
 * What tells that a client's side is over. A response of HTTP/2 itself keeps quiet where one to HEAD is given up (Node.js compares
 * what only `end()` sets).
 */
export function clientSide(client: FrontResponse | Duplex): EventEmitter {
  return 'createPushResponse' in client ? client.stream : client
}

/** How many bytes of an answer are here, and not with the system yet: its client does not take them, or an earlier answer's. */
export function unsentBytes(response: FrontResponse): number {
  return isHttp2Response(response) ? response.stream.writableLength : response.writableLength
}

/** Whether its client has to take what is here for it before there is room for more. */
export function isFull(response: FrontResponse): boolean {
  return isHttp2Response(response) ? response.stream.writableNeedDrain : response.writableNeedDrain
}

/** Whether there is nobody left to answer. */
export function clientIsGone(request: FrontRequest, response: FrontResponse): boolean {
  if (isHttp2Response(response)) return response.stream.destroyed
  return response.destroyed || request.socket.destroyed || (request.destroyed && !request.complete)
}

/** Breaks the client's connection (over HTTP/2 its stream), so that a cut answer can't pass for a whole one. */
export function destroyResponse(request: FrontRequest, response: FrontResponse): void {
  if (isHttp2Response(response)) {
    response.stream.close(http2Constants.NGHTTP2_INTERNAL_ERROR)
    return
  }
  const { socket } = response
  if (!socket) {
    // It waits for its turn (pipelining), and so long Node.js breaks nothing. The answers before it may be whole.
    response.assignSocket = (turn) => turn.destroySoon()
  }
  // Without chunks or a length, the end of the connection is the end of the body; only a reset says otherwise.
  if (!knowsHttp11(request) && socket) {
    try {
      socket.resetAndDestroy()
    } catch {
      // Only TCP has it: over TLS it is the missing close_notify that tells.
    }
  }
  response.destroy()
}
