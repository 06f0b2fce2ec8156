// http-proxy-middleware in Express 5, as its README shows it. What is set, and why:
// - xfwd: it adds no X-Forwarded-* without;
// - autoRewrite and cookieDomainRewrite for the target's own address: it rewrites nothing by itself;
// - ws, and the server's upgrade event handed on, so that no request has to come before the first WebSocket;
// - proxyTimeout 0: the two minutes of httpxy, on which it stands, would end event streams that are idle (a case may set one);
// - failures are answered by its own plugin, which is on by default; Express is kept from answering them once more.
// Express 5 does not run on HTTP/2; there it is called without it, as in connect.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { dropUntrusted } from './forwarding-fields.ts'
import { frontServer } from './front-server.ts'
import { httpProxyTarget, ownAddress } from './http-proxy-server.ts'
import { serve } from './serve.ts'

serve(({ front, target, settings }) => {
  const proxy = createProxyMiddleware({
    target: httpProxyTarget(target),
    xfwd: true,
    ws: true,
    proxyTimeout: settings.answerTimeoutMs ?? 0,
    ...ownAddress(target),
  })
  const app = express()
  app.disable('x-powered-by')
  app.use((request, response, next) => {
    dropUntrusted(request, settings)
    void proxy(request, response, next)
  })
  app.use((_error: unknown, _request: Request, _response: Response, _next: NextFunction) => {})
  const server = frontServer(
    front,
    front === 'http1'
      ? app
      : (request, response) => {
          dropUntrusted(request, settings)
          void proxy(request, response)
        },
  )
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    dropUntrusted(request, settings)
    proxy.upgrade(request, socket, head)
  })
  return { server }
})
