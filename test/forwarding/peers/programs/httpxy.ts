// httpxy, as its README shows its proxy server with WebSockets. What is set, and why:
// - xfwd: it adds no X-Forwarded-* without;
// - autoRewrite and cookieDomainRewrite for the target's own address: it rewrites nothing by itself;
// - proxyTimeout 0: its two minutes would end event streams that are idle (a case may set one);
// - its agent is left as it is: it keeps connections alive;
// - errors are caught around each call, as its README says, and answered by the host.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createProxyServer } from 'httpxy'
import { answerFailure } from './answer-failure.ts'
import { dropUntrusted } from './forwarding-fields.ts'
import { frontServer } from './front-server.ts'
import { httpProxyTarget, ownAddress } from './http-proxy-server.ts'
import { serve } from './serve.ts'

serve(({ front, target, settings }) => {
  const to = httpProxyTarget(target)
  const proxy = createProxyServer({
    target: to,
    xfwd: true,
    ws: true,
    proxyTimeout: settings.answerTimeoutMs ?? 0,
    ...ownAddress(target),
  })
  const server = frontServer(front, (request, response) => {
    dropUntrusted(request, settings)
    proxy.web(request, response).catch((error: unknown) => answerFailure(error, response))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    dropUntrusted(request, settings)
    proxy.ws(request, socket, { target: to }, head).catch((error: unknown) => {
      answerFailure(error, socket)
    })
  })
  return { server }
})
