import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

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
