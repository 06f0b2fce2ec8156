// http-proxy-middleware in Express 5, as its README shows it, with X-Forwarded-* and WebSockets. The agent of httpxy, on which
// it stands, keeps connections alive.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { httpProxyTarget, serve } from './serve.ts'

const proxy = createProxyMiddleware({ target: httpProxyTarget, xfwd: true, ws: true })
const app = express()
app.disable('x-powered-by')
app.use(proxy)
// It has answered failures itself; Express would write them to the log beside.
app.use((_error: unknown, _request: Request, _response: Response, _next: NextFunction) => {})
const server = serve(app)
server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
  proxy.upgrade(request, socket, head)
})
