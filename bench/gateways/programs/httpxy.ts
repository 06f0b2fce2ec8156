// httpxy, as its README shows its proxy server, with X-Forwarded-* and WebSockets. Its agent keeps connections alive by itself.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createProxyServer } from 'httpxy'
import { answerFailure } from '../../../test/forwarding/peers/programs/answer-failure.ts'
import { httpProxyTarget, serve } from './serve.ts'

const proxy = createProxyServer({ target: httpProxyTarget, xfwd: true, ws: true })
const server = serve((request, response) => {
  proxy.web(request, response).catch((error: unknown) => answerFailure(error, response))
})
server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
  proxy
    .ws(request, socket, { target: httpProxyTarget }, head)
    .catch((error: unknown) => answerFailure(error, socket))
})
