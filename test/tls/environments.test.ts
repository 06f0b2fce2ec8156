import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  createGateway,
  devEnvProxy,
  EnvironmentManager,
  type Gateway,
  httpReadiness,
  inMemoryCoordinator,
  InvalidOptionError,
  type ManagerOptions,
  staticSpawner,
} from '@alcove/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  authority,
  clientCertificate,
  expiredCertificate,
  serverCertificate,
  strangersClientCertificate,
} from '../../packages/core/src/environment/certificates.fixture.ts'

const own = { ca: authority, ...clientCertificate }

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** An environment that says who has asked it; how many connections it was asked for is in `accepted`. */
async function environment(differences: ServerOptions = {}) {
  const seen = { accepted: 0, requests: 0, port: 0 }
  const server = createTlsServer({ ...serverCertificate, ...differences }, (request, response) => {
    seen.requests += 1
    const { subject } = (request.socket as TLSSocket).getPeerCertificate()
    response.end(`${request.url} for ${String(subject?.CN)}`)
  })
  server.on('connection', () => (seen.accepted += 1)).on('tlsClientError', () => {})
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.send('hello'))
  seen.port = await listening(server)
  return seen
}

function options(port: number, more: Partial<ManagerOptions>, secret?: string): ManagerOptions {
  const tls = { serverName: 'env.test', ...(secret !== undefined && { secret }) }
  return {
    spawner: staticSpawner(),
    specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port, tls } } }),
    ...more,
  }
}

async function serving(gateway: Gateway): Promise<string> {
  const server = createServer((request, response) => void gateway(request, response))
  gateway.attach(server)
  const port = await listening(server)
  onTestFinished(() => gateway.close({ drainMs: 0 }))
  return `127.0.0.1:${port}`
}

const router = () => 'pr-1'
const mutual = { ca: authority, requestCert: true, rejectUnauthorized: true }

describe('a gateway before an environment with TLS', () => {
  it('needs its authority and certificate once, for requests, WebSockets, probes and fetch', async () => {
    const { port } = await environment(mutual)
    const readiness = httpReadiness({ path: '/probe', status: 200 })
    const gateway = createGateway({ router, ...options(port, { upstreamTls: own, readiness }) })
    const host = await serving(gateway)
    expect(await (await fetch(`http://${host}/x`)).text()).toBe('/x for gateway')
    const socket = new WebSocket(`ws://${host}/`)
    expect(String((await once(socket, 'message'))[0])).toBe('hello')
    socket.terminate()
    const fetched = await gateway.manager.get('pr-1')?.fetch('/y')
    expect(await fetched?.text()).toBe('/y for gateway')
  })

  it('takes them from a manager of the host’s own', async () => {
    const { port } = await environment(mutual)
    const manager = new EnvironmentManager(
      options(port, { tlsSecrets: { team: own }, readiness: httpReadiness() }, 'team'),
    )
    onTestFinished(() => manager.close({ drainMs: 0 }))
    const host = await serving(createGateway({ router, manager }))
    expect(await (await fetch(`http://${host}/x`)).text()).toBe('/x for gateway')
    const refused = (): Gateway => createGateway({ router, manager, upstreamTls: own })
    expect(refused).toThrow('createGateway() has no option "upstreamTls"')
  })

  it('answers 502 with a reason where a certificate does not verify, and asks no second time', async () => {
    const seen = await environment(expiredCertificate)
    const gateway = createGateway({ router, ...options(seen.port, { upstreamTls: own }) })
    const host = await serving(gateway)
    const answer = await fetch(`http://${host}/`, { method: 'POST', body: 'x'.repeat(100_000) })
    expect(answer.status).toBe(502)
    expect(answer.headers.get('x-alcove-error')).toBe('ALCOVE_UPSTREAM_CERTIFICATE')
    expect(answer.headers.get('retry-after')).toBeNull()
    const body = await answer.text()
    expect(JSON.parse(body)).toMatchObject({
      status: 502,
      detail: 'Environment "pr-1" has a certificate that has expired (CERT_HAS_EXPIRED)',
    })
    for (const text of [String(seen.port), 'env.test', 'BEGIN']) expect(body).not.toContain(text)
    // The first connection was the probe's.
    expect(seen).toMatchObject({ accepted: 2, requests: 0 })
    // What answers, though nobody is to trust it, is not started anew.
    expect(gateway.manager.get('pr-1')?.state).toBe('ready')
    expect((await fetch(`http://${host}/`)).status).toBe(502)
  })

  it('answers 502 where the environment takes no certificate, and sends nothing twice', async () => {
    const seen = await environment(mutual)
    const upstreamTls = { ca: authority }
    const host = await serving(createGateway({ router, ...options(seen.port, { upstreamTls }) }))
    const answer = await fetch(`http://${host}/`)
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('asks for a certificate, and the gateway has none for it')
    expect(seen).toMatchObject({ accepted: 2, requests: 0 })
  })

  it('says in the end what its probe has met', async () => {
    const { port } = await environment(expiredCertificate)
    const readiness = httpReadiness()
    const gateway = createGateway({
      router,
      ...options(port, { upstreamTls: own, readiness, readyTimeoutMs: 200 }),
    })
    const failed = gateway.manager.create('pr-1')
    onTestFinished(() => gateway.close({ drainMs: 0 }))
    await expect(failed).rejects.toMatchObject({
      code: 'ALCOVE_READY_TIMEOUT',
      message: expect.stringContaining('(last attempt: certificate has expired)') as string,
    })
  })
})

describe('options for TLS that make no sense', () => {
  it.each<[string, object, string]>([
    ['another’s key', { ...own, key: strangersClientCertificate.key }, '`key` of `upstreamTls`'],
    ['no authority', { ca: 'ca.pem' }, '`ca` of `upstreamTls`'],
  ])('are refused before anything begins (%s)', (_, upstreamTls, named) => {
    let joined = 0
    const coordinator = inMemoryCoordinator()
    const counted = {
      ...coordinator,
      join: (...args: Parameters<typeof coordinator.join>) => {
        joined += 1
        return coordinator.join(...args)
      },
    }
    const wrong = { ...options(1, { coordinator: counted }), upstreamTls }
    const attempts = [
      () => new EnvironmentManager(wrong),
      () => createGateway({ router, ...wrong }),
      () => devEnvProxy({ router, ...wrong }),
    ]
    for (const attempt of attempts) {
      expect(attempt).toThrow(InvalidOptionError)
      expect(attempt).toThrow(named)
    }
    expect(joined).toBe(0)
  })
})
