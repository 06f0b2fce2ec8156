import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Spec } from '@alcove/core'
import { httpReadiness } from '@alcove/core'
import type { Authority } from './certificates.ts'

/** The name in its certificate, which need not be one that can be looked up. */
const serverName = 'payments.internal'

/** An environment that runs elsewhere, and answers those alone who have a certificate of its authority. */
export interface Payments {
  readonly spec: Spec
  close(): Promise<void>
}

/** @param authority - Certifies it and those who may ask it. */
export async function startPayments(authority: Authority): Promise<Payments> {
  const server = createServer(
    {
      ...(await authority.forServer([serverName])),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      response.end(`payments was asked by ${String(subject.CN)}\n`)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    spec: {
      spawner: 'static',
      run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port, tls: { serverName } } },
      // Asks over TLS, too, with the same certificates.
      policy: { readiness: httpReadiness({ path: '/' }) },
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
