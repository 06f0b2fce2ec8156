import type { TlsOptions } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  authority,
  clientCertificate,
  expiredCertificate,
  strangersCertificate,
  strangersClientCertificate,
} from '../environment/certificates.fixture.js'
import type { Endpoint, EndpointTls } from '../environment/endpoint.js'
import type { UpstreamTls, UpstreamTlsOptions } from '../environment/upstream-tls.js'
import { cert, key } from '../readiness/certificate.fixture.js'
import type { Front, FrontOptions } from './test-support/front.js'
import { tlsFront } from './test-support/tls-front.js'
import { TlsUpstream, type TlsTransport } from './test-support/tls-upstream.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`
const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const own: UpstreamTls = { ca: authority }
const name: EndpointTls = { serverName: 'env.test' }

async function frontOf(
  endpoint: Endpoint,
  options: UpstreamTlsOptions,
  more?: FrontOptions,
): Promise<Front> {
  const front = await tlsFront(endpoint, options, more)
  onTestFinished(() => front[Symbol.asyncDispose]())
  return front
}

/** What a gateway makes of one request to an environment with TLS. */
async function refusal(
  transport: TlsTransport,
  server: TlsOptions,
  options: UpstreamTlsOptions,
  { request = get, tls = name } = {},
): Promise<{ upstream: TlsUpstream; answer: string; reason: string }> {
  const upstream = await TlsUpstream.listen(transport, server)
  onTestFinished(() => upstream[Symbol.asyncDispose]())
  const front = await frontOf(upstream.endpoint(tls), options, {
    dial: () => upstream.dial(),
    tries: 2,
  })
  const client = await front.client()
  client.send(request)
  const answer = await client.until('ALCOVE_')
  await front.done[0]
  await upstream.idle()
  return { upstream, answer, reason: front.errors.map((error) => error.reason).join('; ') }
}

const distrusted: readonly [string, TlsOptions, UpstreamTls, EndpointTls, string][] = [
  [
    'has expired',
    expiredCertificate,
    own,
    name,
    'has a certificate that has expired (CERT_HAS_EXPIRED)',
  ],
  [
    'has signed itself',
    { cert, key },
    own,
    name,
    'has a certificate that it has signed itself, and that the gateway does not trust (DEPTH_ZERO_SELF_SIGNED_CERT)',
  ],
  [
    'is for another name',
    {},
    own,
    { serverName: 'other.test' },
    'has a certificate that is not for the name that it is asked by (ERR_TLS_CERT_ALTNAME_INVALID)',
  ],
  [
    'is for another address',
    {},
    own,
    { serverName: '127.0.0.2' },
    'has a certificate that is not for the name that it is asked by (ERR_TLS_CERT_ALTNAME_INVALID)',
  ],
  [
    'is of an unknown authority',
    strangersCertificate,
    own,
    name,
    'has a certificate that is of an authority that the gateway does not trust (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
  ],
  [
    'is of an authority that Node.js does not know',
    {},
    {},
    name,
    'has a certificate that is of an authority that the gateway does not trust (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
  ],
]

describe('an environment whose certificate', () => {
  describe.each<TlsTransport>(['tcp', 'unix', 'dial', 'duplex'])('(%s)', (transport) => {
    it.each(distrusted)('%s gets no request', async (_, server, upstreamTls, tls, what) => {
      const { upstream, answer, reason } = await refusal(
        transport,
        server,
        { upstreamTls },
        { tls },
      )
      expect(answer).toContain('HTTP/1.1 502 ')
      expect(reason).toBe(`Environment "pr-1" ${what}`)
      expect([upstream.accepted, upstream.connections.length]).toEqual([1, 0])
    })
  })

  it('does not verify gets no upload and no WebSocket either', async () => {
    for (const request of [post, upgrade]) {
      const upstreamTls = own
      const { upstream, answer } = await refusal(
        'tcp',
        strangersCertificate,
        { upstreamTls },
        { request },
      )
      expect(answer).toContain('HTTP/1.1 502 ')
      expect([upstream.accepted, upstream.connections.length]).toEqual([1, 0])
    }
  })
})

describe('an environment that wants a certificate', () => {
  const wanting = { ca: authority, requestCert: true, rejectUnauthorized: true }
  const stranger = { ca: authority, ...strangersClientCertificate }

  it.each<[string, TlsTransport, string]>([
    ['a request', 'tcp', get],
    ['a request', 'unix', get],
    ['a request', 'dial', get],
    ['an upgrade', 'tcp', upgrade],
  ])('says so after the handshake of TLS 1.3 (%s over %s)', async (_, transport, request) => {
    const { upstream, answer, reason } = await refusal(
      transport,
      { ...wanting, minVersion: 'TLSv1.3' },
      { upstreamTls: own },
      { request },
    )
    expect(answer).toContain('HTTP/1.1 502 ')
    expect(answer).toContain('ALCOVE_')
    expect(reason).toBe(
      'Environment "pr-1" asks for a certificate, and the gateway has none for it (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)',
    )
    expect([upstream.accepted, upstream.connections.length]).toEqual([1, 0])
  })

  it('says no more than that in TLS 1.2', async () => {
    const server: TlsOptions = { ...wanting, maxVersion: 'TLSv1.2' }
    const { upstream, answer, reason } = await refusal('tcp', server, { upstreamTls: own })
    expect(answer).toContain('HTTP/1.1 502 ')
    expect(reason).toMatch(
      /^Environment "pr-1" refused to set up TLS \(ERR_SSL_\S+_ALERT_HANDSHAKE_FAILURE\): it may want/,
    )
    expect(upstream.accepted).toBe(1)
  })

  // A server of Node.js sends no alert, but closes the connection.
  it('may go without a word where it does not like the one that it gets', async () => {
    for (const request of [get, post]) {
      const { upstream, answer, reason } = await refusal(
        'tcp',
        { ...wanting, minVersion: 'TLSv1.3' },
        { upstreamTls: stranger },
        { request },
      )
      expect(answer).toContain('HTTP/1.1 502 ')
      expect(reason).toMatch(
        /^Environment "pr-1" broke the connection over TLS before it said anything \(\w+\): it may not accept the gateway's certificate, or want one$/,
      )
      expect([upstream.accepted, upstream.connections.length]).toEqual([1, 0])
    }
  })

  it('is not suspected of it once it has answered on a connection', async () => {
    const upstream = await TlsUpstream.listen('tcp')
    onTestFinished(() => upstream[Symbol.asyncDispose]())
    const front = await frontOf(upstream.endpoint(), { upstreamTls: own })
    const client = await front.client()
    client.send(get)
    const { wire, socket } = await upstream.connection()
    await wire.head()
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
    await wire.until('\r\n\r\nx')
    socket.destroy()
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(front.errors[0]?.reason).toMatch(/^Environment "pr-1" broke the connection \(\w+\)$/)
  })
})

describe('an endpoint that names a secret', () => {
  it('which is not there is not connected to, and each request is told so', async () => {
    const upstream = await TlsUpstream.listen('tcp')
    onTestFinished(() => upstream[Symbol.asyncDispose]())
    const tls = { serverName: 'env.test', secret: 'team-ca' }
    const front = await frontOf(upstream.endpoint(tls), {
      upstreamTls: own,
      tlsSecrets: { team: { ca: authority, ...clientCertificate } },
    })
    const client = await front.client()
    for (const request of [get, get, post]) {
      client.send(request)
      expect(await client.until('ALCOVE_UPSTREAM_CERTIFICATE')).toContain('HTTP/1.1 502 ')
    }
    const reason =
      'Environment "pr-1" is reached with the TLS secret "team-ca", which the gateway does not have: add it to `tlsSecrets`'
    expect(front.errors.map((error) => error.reason)).toEqual([reason, reason, reason])
    expect(upstream.accepted).toBe(0)
  })
})
