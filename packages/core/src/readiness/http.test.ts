import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createNetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  authority,
  clientCertificate,
  serverCertificate,
} from '../environment/certificates.fixture.js'
import { resolveUpstreamTls, type UpstreamTls } from '../environment/upstream-tls.js'
import { UpstreamCertificateError } from '../errors.js'
import { dialEndpoint } from './dial.js'
import { httpReadiness, type HttpReadinessOptions } from './http.js'
import { fixtures, noAbort, targetOf } from './target.fixture.js'

const { listening, serving, socketPath } = fixtures(onTestFinished)
const tls = { serverName: 'env.test' }

/** A server that answers with one status after another, the last for good. */
async function answering(
  ...statuses: readonly number[]
): Promise<Awaited<ReturnType<typeof serving>> & { requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = await serving((request, response) => {
    requests.push(request)
    const status = statuses[Math.min(requests.length, statuses.length) - 1]!
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('body')
  })
  return { ...server, requests }
}

/** What a probe says of its first attempt, once the second begins. */
async function seenBy(
  target: ReturnType<typeof targetOf>,
  options: HttpReadinessOptions = {},
): Promise<string> {
  const controller = new AbortController()
  void target.dialled(2).then(() => controller.abort())
  const error: unknown = await httpReadiness(options)
    .ready(target, controller.signal)
    .then(
      () => 'ready',
      (reason: unknown) => reason,
    )
  return error instanceof Error ? error.message : String(error)
}

describe('httpReadiness()', () => {
  it.each([
    ['the default', undefined, [500, 503, 404], 3],
    ['the default', undefined, [302, 200], 1],
    ['a status', 200, [404, 302, 201, 200], 4],
    ['a list', [200, 401], [403, 401], 2],
    ['a test', (status: number) => status === 418, [200, 418], 2],
  ])('waits for %s', async (_name, status, answers, attempts) => {
    const server = await answering(...answers)
    await expect(
      httpReadiness({ status }).ready(targetOf(server.endpoint), noAbort),
    ).resolves.toBeUndefined()
    expect(server.requests).toHaveLength(attempts)
    expect(server.requests.every((request) => request.url === '/')).toBe(true)
    await server.ended()
    expect(server.connections()).toBe(attempts)
  })

  it('asks for its path with its headers, as localhost, on a connection to be closed', async () => {
    const server = await answering(200)
    await httpReadiness({ path: '/health?deep=1', headers: { 'X-Probe': 'yes' } }).ready(
      targetOf(server.endpoint),
      noAbort,
    )
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      url: '/health?deep=1',
      headers: { host: 'localhost', 'x-probe': 'yes', connection: 'close' },
    })
  })

  it('asks over a Unix socket, and through the dial of the spawner', async () => {
    const server = createServer((_request, response) => response.end())
    const endpoint = await listening(server, { path: await socketPath() })
    await expect(httpReadiness().ready(targetOf(endpoint), noAbort)).resolves.toBeUndefined()
    const dial = (signal: AbortSignal): ReturnType<typeof dialEndpoint> =>
      dialEndpoint(endpoint, signal)
    await expect(
      httpReadiness().ready(targetOf({ kind: 'dial' }, { dial }), noAbort),
    ).resolves.toBeUndefined()
  })

  it('lets an answer come to its end before it closes the connection', async () => {
    const path = await socketPath()
    const finished = Promise.withResolvers<boolean>()
    const server = createServer((_request, response) => {
      response.once('close', () => finished.resolve(response.writableFinished))
      // More than a socket takes at once: it has to be read.
      response.end(Buffer.alloc(2 ** 20))
    })
    const endpoint = await listening(server, { path })
    await httpReadiness().ready(targetOf(endpoint), noAbort)
    expect(await finished.promise).toBe(true)
  })

  it('does not wait for the end of an endless answer', async () => {
    const server = await serving((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    await expect(
      httpReadiness({ timeoutMs: 10_000 }).ready(targetOf(server.endpoint), noAbort),
    ).resolves.toBeUndefined()
    await server.ended()
  })

  it('waits for the final answer after an interim one', async () => {
    const server = await serving((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => {
        setTimeout(() => response.writeHead(204).end(), 400)
      })
    })
    await httpReadiness({ status: 204 }).ready(targetOf(server.endpoint), noAbort)
    expect(server.connections()).toBe(1)
  })

  it('says what it has seen last', async () => {
    const server = await answering(503)
    expect(await seenBy(targetOf(server.endpoint))).toBe('Not ready: last attempt: answered 503')
    const smtp = await listening(
      createNetServer((socket) => {
        socket.on('error', () => {}).resume()
        socket.end('220 mail ready\r\n')
      }),
      { host: '127.0.0.1', port: 0 },
    )
    expect(await seenBy(targetOf(smtp))).toBe(
      'Not ready: last attempt: answered with something that is not HTTP',
    )
    const closing = await listening(
      createNetServer((socket) => {
        socket.on('error', () => {}).resume()
        socket.end()
      }),
      { host: '127.0.0.1', port: 0 },
    )
    expect(await seenBy(targetOf(closing))).toBe(
      'Not ready: last attempt: connection closed before a whole answer came',
    )
    const silent = await serving(() => {})
    expect(await seenBy(targetOf(silent.endpoint), { attemptTimeoutMs: 20 })).toBe(
      'Not ready: last attempt: no answer within 20 ms',
    )
    await silent.ended()
  })

  it('stops at once when it is aborted in the middle of an attempt', async () => {
    const controller = new AbortController()
    const server = await serving(() => controller.abort(new Error('gone')))
    const target = targetOf(server.endpoint)
    await expect(httpReadiness().ready(target, controller.signal)).rejects.toMatchObject({
      message: 'Not ready: no answer yet',
      cause: new Error('gone'),
    })
    await server.ended()
    expect(target.dials).toBe(1)
  })

  it('speaks TLS where the endpoint does, and trusts no other certificate', async () => {
    const tlsServer = createTlsServer({
      ...serverCertificate,
      ca: authority,
      requestCert: true,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    const asked: unknown[] = []
    tlsServer.on(
      'request',
      ({ socket }: { readonly socket: TLSSocket }, response: ServerResponse) => {
        const { CN } = socket.getPeerCertificate().subject
        asked.push(socket.servername, socket.alpnProtocol, CN)
        response.end()
      },
    )
    const plain = await listening(tlsServer, { host: '127.0.0.1', port: 0 })
    const target = (serverName: string, upstreamTls: UpstreamTls) => {
      const endpoint = { ...plain, tls: { serverName } }
      return targetOf(endpoint, { tls: resolveUpstreamTls({ upstreamTls })(endpoint, 'pr-1') })
    }
    const own = { ca: authority, ...clientCertificate }
    await expect(httpReadiness().ready(target('env.test', own), noAbort)).resolves.toBeUndefined()
    expect(asked).toEqual(['env.test', 'http/1.1', 'gateway'])
    await expect(httpReadiness().ready(target('127.0.0.1', own), noAbort)).resolves.toBeUndefined()
    expect(await seenBy(target('env.test', {}))).toMatch(/last attempt: self-signed certificate in/)
    expect(await seenBy(target('other.test', own))).toMatch(/altnames|other\.test/)
  })

  it('ends a handshake that nobody answers, with its connection', async () => {
    const closed = Promise.withResolvers<void>()
    const silent = createNetServer((socket) => {
      socket.on('error', () => {}).resume()
      socket.once('close', () => closed.resolve())
    })
    const endpoint = { ...(await listening(silent, { host: '127.0.0.1', port: 0 })), tls }
    // As a spawner does that heeds no signal once it has connected.
    const dial = (): Promise<Duplex> => dialEndpoint(endpoint, noAbort)
    const target = targetOf(endpoint, { dial, tls: { servername: 'env.test' } })
    expect(await seenBy(target, { attemptTimeoutMs: 20 })).toBe(
      'Not ready: last attempt: no answer within 20 ms',
    )
    await closed.promise
  })

  it('fails at once where it has nothing to set up TLS with', async () => {
    const endpoint = { kind: 'unix', path: await socketPath(), tls } as const
    const missing = new UpstreamCertificateError('no such secret')
    const target = targetOf(endpoint)
    Object.defineProperty(target, 'tls', {
      get() {
        throw missing
      },
    })
    await expect(httpReadiness().ready(target, noAbort)).rejects.toBe(missing)
    expect(target.dials).toBe(0)
  })

  it('refuses options that make no sense', () => {
    const wrong: readonly [unknown, string][] = [
      [{ path: 'health' }, 'Expected `path` of httpReadiness() to be a request target'],
      [{ path: '/a b' }, 'Expected `path`'],
      [{ path: '/a\r\nX: y' }, 'Expected `path`'],
      [{ status: 99 }, 'Expected `status` of httpReadiness() to be a status from 200 to 599'],
      [{ status: [] }, 'Expected `status`'],
      [{ status: '200' }, 'Expected `status`'],
      [{ headers: { 'a b': 'c' } }, 'Expected `headers` of httpReadiness() to be fields'],
      [{ headers: { a: 'b\r\nc: d' } }, 'Expected `headers`'],
      [{ attemptTimeoutMs: 0 }, 'Expected `attemptTimeoutMs`'],
      [{ paths: '/' }, 'did you mean `path`?'],
    ]
    for (const [options, message] of wrong) {
      expect(() => httpReadiness(options as HttpReadinessOptions)).toThrow(message)
    }
  })
})
