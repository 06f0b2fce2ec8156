import { once } from 'node:events'
import type { TlsOptions } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  authority,
  clientCertificate,
  encryptedClientKey,
  strangersCertificate,
} from '../environment/certificates.fixture.js'
import type { EndpointTls } from '../environment/endpoint.js'
import type { UpstreamTlsOptions } from '../environment/upstream-tls.js'
import { FakeLease } from './test-support/fake-lease.js'
import type { Front } from './test-support/front.js'
import { tlsFront } from './test-support/tls-front.js'
import { TlsUpstream, type TlsTransport } from './test-support/tls-upstream.js'
import type { Wire } from './test-support/wire.js'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = 'GET / HTTP/1.1\r\nHost: quite.another\r\n\r\n'
const transports: readonly TlsTransport[] = ['tcp', 'unix', 'dial', 'duplex']

interface Scene {
  readonly upstream: TlsUpstream
  readonly front: Front
  readonly client: Wire
}

/** An environment with TLS, and a gateway that trusts its authority where nothing else is said. */
async function scene(
  transport: TlsTransport,
  server: TlsOptions = {},
  options: UpstreamTlsOptions = { upstreamTls: { ca: authority } },
  name?: EndpointTls,
): Promise<Scene> {
  const upstream = await TlsUpstream.listen(transport, server)
  const front = await tlsFront(upstream.endpoint(name), options, { dial: () => upstream.dial() })
  onTestFinished(async () => {
    await front[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  return { upstream, front, client: await front.client() }
}

/** One request, up to its answer; resolves to the environment's end of the connection that it came over. */
async function exchange({ upstream, client }: Scene) {
  client.send(get)
  const connection = await upstream.connection()
  await connection.wire.head()
  connection.wire.send(ok)
  expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
  return connection
}

describe.each(transports)('an endpoint over TLS (%s)', (transport) => {
  it('is asked by its name over HTTP/1.1, and trusted by its authority', async () => {
    const { socket } = await exchange(await scene(transport, { ALPNProtocols: ['h2', 'http/1.1'] }))
    expect([socket.servername, socket.alpnProtocol]).toEqual(['env.test', 'http/1.1'])
  })

  it('is shown the certificate of the gateway', async () => {
    const { cert } = clientCertificate
    const upstreamTls = { ca: authority, cert, key: encryptedClientKey, passphrase: 'open sesame' }
    const { socket } = await exchange(
      await scene(transport, { ca: authority, requestCert: true }, { upstreamTls }),
    )
    expect([socket.authorized, socket.getPeerCertificate().subject.CN]).toEqual([true, 'gateway'])
  })

  it('may be named by an address, which is verified and not sent', async () => {
    const { socket } = await exchange(
      await scene(transport, {}, undefined, { serverName: '127.0.0.1' }),
    )
    expect(socket.servername).toBe(false)
  })

  it('may be anybody where it is said so', async () => {
    const upstreamTls = { secure: false }
    const { socket } = await exchange(
      await scene(transport, strangersCertificate, { upstreamTls }, { serverName: 'other.test' }),
    )
    expect(socket.servername).toBe('other.test')
  })

  it('is reached with the secret that it names', async () => {
    const options = { tlsSecrets: { team: { ca: authority } } }
    await exchange(await scene(transport, {}, options, { serverName: 'env.test', secret: 'team' }))
  })

  it('keeps its connection, and takes up its session with the next one', async () => {
    const one = await scene(transport)
    const first = await exchange(one)
    one.client.send(get)
    await first.wire.head()
    first.wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend')
    await one.client.until('end')
    const second = await exchange(one)
    expect([first.reused, second.reused]).toEqual([false, true])
    expect(one.upstream.accepted).toBe(2)
  })

  it('tunnels WebSockets', async () => {
    const { upstream, client } = await scene(transport)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const { wire } = await upstream.connection()
    await wire.head()
    wire.send('HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
    await client.until('hello')
    client.send('goodbye')
    await wire.until('goodbye')
    client.socket.end()
    await wire.end()
  })

  it('passes a large body each way', async () => {
    const { upstream, client } = await scene(transport)
    const body = 'x'.repeat(300_000)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const { wire } = await upstream.connection()
    await wire.head()
    expect(await wire.bytes(body.length)).toBe(body)
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await client.head()
    expect(await client.bytes(body.length)).toBe(body)
  })
})

describe('the connections of an endpoint over TLS', () => {
  it('verify whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    const warned = once(process, 'warning')
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    onTestFinished(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    })
    const { client } = await scene('tcp', strangersCertificate)
    client.send(get)
    await client.until('ALCOVE_UPSTREAM_CERTIFICATE')
    // Node.js thinks that its variable counts.
    expect(String(await warned)).toContain('NODE_TLS_REJECT_UNAUTHORIZED')
  })

  it('never send a name that a client has asked for', async () => {
    const one = await scene('tcp', {}, undefined, { serverName: '127.0.0.1' })
    one.client.send('GET / HTTP/1.1\r\nHost: env.test\r\n\r\n')
    const { wire, socket } = await one.upstream.connection()
    expect(await wire.head()).toContain('host: env.test')
    expect(socket.servername).toBe(false)
  })

  it('are those of the secret that the endpoint names now', async () => {
    const upstream = await TlsUpstream.listen('tcp', {
      ca: authority,
      requestCert: true,
      rejectUnauthorized: false,
    })
    const lease = new FakeLease(upstream.endpoint())
    const front = await tlsFront(lease, {
      upstreamTls: { ca: authority },
      tlsSecrets: { own: { ca: authority, ...clientCertificate } },
    })
    onTestFinished(async () => {
      await front[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    })
    const client = await front.client()
    const before = await exchange({ upstream, front, client })
    lease.endpoint = upstream.endpoint({ serverName: 'env.test', secret: 'own' })
    const after = await exchange({ upstream, front, client })
    expect([before.socket.authorized, after.socket.authorized]).toEqual([false, true])
  })
})
