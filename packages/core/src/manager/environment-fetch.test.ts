import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  authority,
  clientCertificate,
  serverCertificate,
} from '../environment/certificates.fixture.js'
import type { EndpointTls } from '../environment/endpoint.js'
import type { UpstreamTlsOptions } from '../environment/upstream-tls.js'
import { httpReadiness } from '../readiness/http.js'
import { fixtures } from '../readiness/target.fixture.js'
import type { Spawner } from '../spawning/spawner.js'
import { staticSpawner } from '../spawning/static.js'
import type { Environment } from './environment.js'
import { EnvironmentManager } from './manager.js'
import type { ManagerOptions } from './options.js'

const { listening, socketPath } = fixtures(onTestFinished)

type Kind = 'tcp' | 'unix' | 'dial'

/** An environment that a server stands for, and a fetch from it. */
async function environmentOf(
  kind: Kind,
  server: Server,
  options: Partial<ManagerOptions> = {},
  tls?: EndpointTls,
): Promise<Environment> {
  const where = kind === 'unix' ? { path: await socketPath() } : { host: '127.0.0.1', port: 0 }
  const endpoint = { ...(await listening(server, where)), ...(tls && { tls }) }
  const dialling: Spawner = {
    ...(staticSpawner() as Spawner),
    check() {},
    observe: async () => ({ is: 'running', endpoint: { kind: 'dial', ...(tls && { tls }) } }),
    dial: async () => connect((server.address() as AddressInfo).port, '127.0.0.1'),
  }
  const manager = new EnvironmentManager({
    spawner: kind === 'dial' ? dialling : staticSpawner(),
    ...options,
  })
  onTestFinished(() => manager.close({ drainMs: 0 }))
  return manager.create('pr-1', { run: { endpoint } as never })
}

/** Waits until nothing uses it. */
async function unused(environment: Environment): Promise<void> {
  while (environment.explain().leases.request > 0) await new Promise(setImmediate)
}

describe.each<Kind>(['tcp', 'unix', 'dial'])('fetch() from a %s endpoint', (kind) => {
  it('answers, and lets go of the environment with the end of the answer', async () => {
    const server = createServer((request, response) => response.end(`you asked for ${request.url}`))
    const environment = await environmentOf(kind, server)
    const response = await environment.fetch('/health?deep=1')
    expect(await response.text()).toBe('you asked for /health?deep=1')
    await unused(environment)
  })

  it('follows redirects where it is told to', async () => {
    const asked: string[] = []
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      asked.push(`${request.method} ${request.url} ${await text(request)}`)
      const to = { '/a': '/b', '/b': 'c?x=1' }[request.url ?? '']
      response.writeHead(to ? 307 : 200, to ? { location: to } : {}).end(to ? 'moved' : 'there')
    }
    const server = createServer((request, response) => void answer(request, response))
    const environment = await environmentOf(kind, server)
    const response = await environment.fetch('/a', {
      method: 'POST',
      body: 'hello',
      redirect: 'follow',
    })
    expect([response.status, response.redirected, await response.text()]).toEqual([
      200,
      true,
      'there',
    ])
    expect(asked).toEqual(['POST /a hello', 'POST /b hello', 'POST /c?x=1 hello'])
    await unused(environment)
    const manual = await environment.fetch('/a')
    expect([manual.status, manual.headers.get('location')]).toEqual([307, '/b'])
    await manual.text()
    await unused(environment)
  })

  it('follows none out of the environment', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(302, { location: 'http://elsewhere.test/' }).end()
    })
    const environment = await environmentOf(kind, server)
    await expect(environment.fetch('/', { redirect: 'follow' })).rejects.toMatchObject({
      name: 'TypeError',
      cause: { code: 'ALCOVE_UPSTREAM_BROKEN', id: 'pr-1' },
    })
    await expect(environment.fetch('/', { redirect: 'error' })).rejects.toThrow(TypeError)
    await expect(environment.fetch('//elsewhere.test/')).rejects.toThrow(TypeError)
    await unused(environment)
  })

  it('trusts, and shows, what requests through a gateway do', async () => {
    const seen: unknown[] = []
    const answer: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
      const socket = request.socket as TLSSocket
      seen.push(socket.servername, socket.getPeerCertificate().subject.CN)
      response.end('secret')
    }
    const mutual: ServerOptions = { ...serverCertificate, ca: authority, requestCert: true }
    const environment = await environmentOf(
      kind,
      createTlsServer(mutual, answer),
      { upstreamTls: { ca: authority, ...clientCertificate }, readiness: httpReadiness() },
      { serverName: 'env.test' },
    )
    expect(await (await environment.fetch('/')).text()).toBe('secret')
    // The first one is the probe's.
    expect(seen).toEqual(['env.test', 'gateway', 'env.test', 'gateway'])
    await unused(environment)
  })

  it.each<[string, UpstreamTlsOptions, EndpointTls, string]>([
    ['another name', { upstreamTls: { ca: authority } }, { serverName: 'other.test' }, 'ALTNAME'],
    ['an unknown authority', {}, { serverName: 'env.test' }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [
      'a missing secret',
      {},
      { serverName: 'env.test', secret: 'x' },
      'ALCOVE_UPSTREAM_CERTIFICATE',
    ],
  ])('fails with %s, before anything is sent', async (_what, options, tls, code) => {
    let asked = 0
    const server = createTlsServer(serverCertificate, (_request, response) => {
      asked += 1
      response.end()
    })
    const environment = await environmentOf(kind, server, options, tls)
    await expect(environment.fetch('/')).rejects.toMatchObject({
      name: 'TypeError',
      cause: { code: expect.stringContaining(code) as string },
    })
    await unused(environment)
    expect(asked).toBe(0)
  })
})

describe('fetch()', () => {
  it('ends with its signal, also in the middle of a handshake', async () => {
    const accepted = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const silent = createNetServer((socket) => {
      socket.on('error', () => {}).resume()
      socket.once('data', () => accepted.resolve())
      socket.once('close', () => closed.resolve())
    })
    const environment = await environmentOf(
      'tcp',
      silent as unknown as Server,
      {},
      { serverName: 'env.test' },
    )
    const controller = new AbortController()
    const fetched = environment.fetch('/', { signal: controller.signal })
    await accepted.promise
    const atMs = performance.now()
    controller.abort(new Error('enough'))
    await expect(fetched).rejects.toThrow('enough')
    await closed.promise
    // Not only when connecting has taken too long.
    expect(performance.now() - atMs).toBeLessThan(5_000)
    await unused(environment)
  })

  it('keeps its environment until the answer is read, or given up', async () => {
    const left = Promise.withResolvers<void>()
    const server = createServer((_request, response) => {
      response.once('close', () => left.resolve())
      response.write('first')
    })
    const environment = await environmentOf('tcp', server)
    const response = await environment.fetch('/')
    expect(environment.explain().leases.request).toBe(1)
    await response.body?.cancel()
    await left.promise
    await unused(environment)
  })
})

describe('a probe over TLS', () => {
  it('whose secret is missing fails the start, and says which', async () => {
    const server = createTlsServer(serverCertificate, (_request, response) => response.end())
    await expect(
      environmentOf(
        'tcp',
        server,
        { readiness: httpReadiness(), tlsSecrets: { own: { ca: authority } } },
        { serverName: 'env.test', secret: 'team' },
      ),
    ).rejects.toMatchObject({
      code: 'ALCOVE_UPSTREAM_CERTIFICATE',
      message: expect.stringContaining('"team"') as string,
    })
  })
})
