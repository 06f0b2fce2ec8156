import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authority, serverCertificate } from '../environment/certificates.fixture.js'
import type { Endpoint } from '../environment/endpoint.js'
import type { UpstreamTlsOptions } from '../environment/upstream-tls.js'
import type { Front, FrontOptions } from './test-support/front.js'
import { tlsFront } from './test-support/tls-front.js'
import { dialled, TlsUpstream, type TlsTransport } from './test-support/tls-upstream.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const own = { ca: authority }
const name = { serverName: 'env.test' }

async function frontOf(
  endpoint: Endpoint,
  options: UpstreamTlsOptions,
  more?: FrontOptions,
): Promise<Front> {
  const front = await tlsFront(endpoint, options, more)
  onTestFinished(() => front[Symbol.asyncDispose]())
  return front
}

/** A plain server on loopback. */
async function listening(server: Server): Promise<Extract<Endpoint, { kind: 'tcp' }>> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  return { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

describe('an environment and its endpoint that disagree about TLS', () => {
  it('is told to speak none where it answers in plain HTTP', async () => {
    const server = createHttpServer((_request, response) => response.end('plain'))
    const endpoint = await listening(server)
    const front = await frontOf({ ...endpoint, tls: name }, { upstreamTls: own }, { tries: 2 })
    const client = await front.client()
    client.send(get)
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(front.errors.map(({ reason }) => reason)).toEqual([
      'Environment "pr-1" does not speak TLS, and its endpoint has `tls` (ERR_SSL_WRONG_VERSION_NUMBER)',
    ])
  })

  it('is told to speak it where it answers with an alert', async () => {
    // What OpenSSL sends for a request in plain text: protocol_version, in a record of TLS 1.2 (RFC 8446 §6).
    const alert = Buffer.from([21, 3, 3, 0, 2, 2, 70])
    const endpoint = await listening(
      createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.end(alert))
      }),
    )
    const front = await frontOf(endpoint, {})
    const client = await front.client()
    client.send(get)
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(front.errors[0]?.reason).toBe(
      'Environment "pr-1" speaks TLS, and its endpoint has no `tls`',
    )
  })

  it('is suspected of it where it goes without a word, as a server of Node.js does', async () => {
    const upstream = await TlsUpstream.listen('tcp', serverCertificate)
    onTestFinished(() => upstream[Symbol.asyncDispose]())
    const { tls: _, ...endpoint } = upstream.endpoint()
    const front = await frontOf(endpoint, {}, { tries: 2 })
    const client = await front.client()
    client.send(get)
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(front.errors[0]?.reason).toMatch(/^Environment "pr-1" broke the connection \(\w+\)$/)
    expect(front.errors[0]?.message).toContain('if it speaks TLS, its endpoint needs `tls`')
    expect(upstream.accepted).toBe(1)
  })
})

describe('a handshake', () => {
  it.each<TlsTransport>(['tcp', 'dial', 'duplex'])(
    'that nobody answers has an end, with its connection (%s)',
    async (transport) => {
      const closed = Promise.withResolvers<void>()
      const endpoint = await listening(
        createServer((socket) => {
          socket.on('error', () => {}).resume()
          socket.once('close', () => closed.resolve())
        }),
      )
      const front = await frontOf(
        transport === 'tcp' ? { ...endpoint, tls: name } : { kind: 'dial', tls: name },
        { upstreamTls: own },
        { connectTimeoutMs: 50, dial: async () => dialled(endpoint.port, transport) },
      )
      const client = await front.client()
      client.send(get)
      expect(await client.until('ALCOVE_CONNECT_TIMEOUT')).toContain('HTTP/1.1 504 ')
      await closed.promise
    },
  )

  it('over what is dialled has the time that is left of the whole', async () => {
    const endpoint = await listening(
      createServer((socket) => {
        socket.on('error', () => {}).resume()
      }),
    )
    const front = await frontOf(
      { kind: 'dial', tls: name },
      { upstreamTls: own },
      { connectTimeoutMs: 60, dial: async () => dialled(endpoint.port, 'dial') },
    )
    const client = await front.client()
    client.send(get)
    await client.until('ALCOVE_CONNECT_TIMEOUT')
    // That of the whole: undici's own for the handshake alone has another name.
    expect(front.errors[0]?.cause).toMatchObject({ name: 'TimeoutError' })
  })

  it('that is cut off may be tried again, since nothing was sent', async () => {
    let connections = 0
    const endpoint = await listening(
      createServer((socket) => {
        connections += 1
        socket.on('error', () => {})
        socket.once('data', () => socket.destroy())
      }),
    )
    const front = await frontOf({ ...endpoint, tls: name }, { upstreamTls: own }, { tries: 2 })
    const client = await front.client()
    client.send(get)
    expect(await client.until('ALCOVE_UPSTREAM_CONNECT')).toContain('HTTP/1.1 503 ')
    await front.done[0]
    expect(connections).toBe(2)
    expect(front.errors[0]?.reason).toBe(
      `Environment "pr-1" can't be connected to over TLS (ECONNRESET)`,
    )
  })
})
