import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import {
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  createServer as createHttp2Server,
} from 'node:http2'
import type { Front } from '../../subject.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** The server that a host would put a peer into; for HTTP/2 with the request and response that look like HTTP/1.1's. */
export function frontServer(front: Front, handler: Handler): Server | Http2Server {
  if (front === 'http1') return createServer(handler)
  // A peer takes them for what they look like; its own types know no others.
  return createHttp2Server(
    handler as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  )
}
