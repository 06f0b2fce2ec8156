import type { Agent, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { createProxyServer } from 'http-proxy-3'
import type { Setup } from '../orders.ts'
import type { Target } from '../../subject.ts'
import { answerFailure } from './answer-failure.ts'
import { dropUntrusted } from './forwarding-fields.ts'
import { frontServer } from './front-server.ts'
import type { Proxy } from './serve.ts'

/** As their types have it: the port is not used. */
interface SocketTarget {
  protocol: string
  host: string
  port: number
  socketPath: string
}

/** A server around http-proxy, or around one that took over its interface. */
export function serveHttpProxy(
  create: typeof createProxyServer,
  agent: Agent,
  { front, target, settings }: Setup,
): Proxy {
  const proxy = create({
    target: httpProxyTarget(target),
    agent,
    xfwd: true,
    ws: true,
    ...ownAddress(target),
    ...(settings.answerTimeoutMs !== undefined && { proxyTimeout: settings.answerTimeoutMs }),
  })
  proxy.on('error', (error, _request, response) => answerFailure(error, response))
  const server = frontServer(front, (request, response) => {
    dropUntrusted(request, settings)
    proxy.web(request, response)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    dropUntrusted(request, settings)
    proxy.ws(request, socket, head)
  })
  return { server, close: () => agent.destroy() }
}

/** A target as http-proxy and those after it take it. */
export function httpProxyTarget(target: Target): string | SocketTarget {
  return target.kind === 'tcp'
    ? `http://${target.host}:${target.port}`
    : { protocol: 'http:', host: 'localhost', port: 80, socketPath: target.path }
}

/** The options for what a target says of its own address; not where it is a socket, which has none. */
export function ownAddress(target: Target): {
  autoRewrite?: boolean
  cookieDomainRewrite?: Record<string, string>
} {
  return target.kind === 'tcp'
    ? { autoRewrite: true, cookieDomainRewrite: { [target.host]: '' } }
    : {}
}
