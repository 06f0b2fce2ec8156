import { Agent, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { createProxyServer } from 'http-proxy-3'
import { answerFailure } from '../../../test/forwarding/peers/programs/answer-failure.ts'
import { httpProxyTarget, serve } from './serve.ts'

/**
 * http-proxy, or one that took over its interface, with a keep-alive agent without limits: each request would open a
 * connection without. X-Forwarded-* and WebSockets are on.
 */
export function serveHttpProxy(create: typeof createProxyServer): void {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxFreeSockets: Number.POSITIVE_INFINITY,
  })
  const proxy = create({ target: httpProxyTarget, agent, xfwd: true, ws: true })
  proxy.on('error', (error, _request, response) => answerFailure(error, response))
  const server = serve((request, response) => proxy.web(request, response))
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    proxy.ws(request, socket, head)
  })
}
