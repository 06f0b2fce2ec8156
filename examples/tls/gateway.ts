import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import {
  createGateway,
  processSpawner,
  type Spec,
  staticSpawner,
  subdomainRouter,
  type UpstreamTls,
} from '@alcove/core'
import type { Certified } from './certificates.ts'

/** What the gateway is certified for: itself, and `<id>.dev.localhost`. */
export const domain = 'dev.localhost'

/** What a gateway needs to end TLS, and to begin it again. */
export interface GatewayCertificates {
  /** For the domain and all names below it. */
  readonly wildcard: Certified
  /** For environments over TLS. */
  readonly upstreamTls: UpstreamTls
}

/** A running gateway. */
export interface SecureGateway {
  readonly port: number
  close(): Promise<void>
}

const branch = join(import.meta.dirname, 'environments', 'branch')

/** A gateway with a certificate for all its environments, each at a name of its own, over HTTP/2 and HTTP/1.1. */
export async function startGateway(
  port: number,
  { wildcard, upstreamTls }: GatewayCertificates,
  payments: Spec,
): Promise<SecureGateway> {
  const proxy = createGateway({
    router: subdomainRouter({ domain }),
    spawner: [processSpawner(), staticSpawner()],
    specFor: ({ id }) => {
      if (id === 'payments') return payments
      if (!/^pr-\d+$/.test(id)) return undefined
      return { run: { command: [process.execPath, 'server.js', id], cwd: branch } }
    },
    upstreamTls,
  })

  // Browsers choose HTTP/2 in the handshake; their WebSockets, and other clients, come over HTTP/1.1.
  const server = createSecureServer({ ...wildcard, allowHTTP1: true }, (request, response) => {
    void proxy(request, response, () =>
      response.end(`Environments are at the names below ${domain}\n`),
    )
  })
  proxy.attach(server)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // For this machine alone.
      server.listen(port, '127.0.0.1', resolve)
    })
  } catch (error) {
    await proxy.close()
    throw error
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      await proxy.close({ drainMs: 500 })
      // Browsers keep connections open for their next request.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
