import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** A request of `node:http`, or of `node:http2`'s compatibility API. */
export type GatewayRequest = IncomingMessage | Http2ServerRequest
/** A response of `node:http`, or of `node:http2`'s compatibility API. */
export type GatewayResponse = ServerResponse | Http2ServerResponse
