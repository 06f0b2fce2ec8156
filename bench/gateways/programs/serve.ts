import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatewaySetup, Order, Report, Target } from '../gateway.ts'

/** What this program was started with. */
export const setup = JSON.parse(process.argv[2] ?? '') as GatewaySetup

/** The upstream as the base of a URL; a socket's has no address of its own. */
export const upstreamUrl =
  setup.upstream.kind === 'tcp'
    ? `http://${setup.upstream.host}:${setup.upstream.port}`
    : 'http://localhost'

/** As http-proxy takes it, and those after it. */
export const httpProxyTarget = targetOf(setup.upstream)

/** Listens, says where, and takes orders from the process that started this one. */
export function serve(listener: RequestListener): Server {
  return serveServer(createServer(listener))
}

export function serveServer(server: Server): Server {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    report({ port: (server.address() as AddressInfo).port })
  })
  process.on('message', (_order: Order) => {
    // What the first collection finalises is free after the second.
    for (let round = 0; round < 3; round += 1) globalThis.gc?.()
    report({ heapBytes: process.memoryUsage().heapUsed })
  })
  // Never outlives the benchmark.
  process.on('disconnect', () => process.exit())
  return server
}

function report(what: Report): void {
  process.send?.(what)
}

function targetOf(
  target: Target,
): string | { protocol: string; host: string; port: number; socketPath: string } {
  if (target.kind === 'tcp') return `http://${target.host}:${target.port}`
  // As their types have it: the port is not used.
  return { protocol: 'http:', host: 'localhost', port: 80, socketPath: target.path }
}
