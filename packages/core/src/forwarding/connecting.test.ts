import { once } from 'node:events'
import { lookup } from 'node:dns/promises'
import { connect, createServer } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authority } from '../environment/certificates.fixture.js'
import type { Endpoint } from '../environment/endpoint.js'
import { dialEndpoint } from '../readiness/dial.js'
import type { Dial } from './dial.js'
import { FakeLease } from './test-support/fake-lease.js'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { tlsFront } from './test-support/tls-front.js'
import { TlsUpstream } from './test-support/tls-upstream.js'

const loopback = { kind: 'tcp', host: '127.0.0.1' } as const
const portOf = (endpoint: Endpoint): number => (endpoint.kind === 'tcp' ? endpoint.port : 0)
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('connecting', () => {
  it('has an end', async () => {
    const lease = new FakeLease({ kind: 'dial' })
    await using front = await Front.listen(lease, {
      connectTimeoutMs: 50,
      dial: (_lease, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.until('ALCOVE_CONNECT_TIMEOUT')).toContain('HTTP/1.1 504 ')
    expect(front.errors[0]?.reason).toContain('in time')
  })

  it.each<[string, Dial]>([
    [
      'throws',
      () => {
        throw new Error('no tunnel')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no tunnel')
      },
    ],
    // oxlint-disable-next-line prefer-promise-reject-errors -- spawners are other people's
    ['rejects with text', () => Promise.reject('no tunnel')],
  ])('fails with a dial that %s', async (_, dial) => {
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), { dial })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('ALCOVE_UPSTREAM_CONNECT')
    expect(String(front.errors[0]?.cause)).toContain('no tunnel')
  })

  it('closes what is dialled too late', async () => {
    let late: (socket: Duplex) => void = () => {}
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), {
      connectTimeoutMs: 20,
      dial: () =>
        new Promise((resolve) => {
          late = resolve
        }),
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('ALCOVE_CONNECT_TIMEOUT')
    const socket = new PassThrough()
    late(socket)
    await once(socket, 'close')
  })

  it('is given up with the client', async () => {
    let dialled = 0
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), {
      dial: () => {
        dialled += 1
        client.socket.destroy()
        return new Promise(() => {})
      },
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.close()
    await front.done[0]
    expect(dialled).toBe(1)
    expect(front.errors).toEqual([])
  })

  it('may end in an upgrade whose connection breaks, and nobody is harmed', async () => {
    await using upstream = await RawUpstream.listen()
    const { endpoint } = upstream
    const port = endpoint.kind === 'tcp' ? endpoint.port : 0
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), {
      dial: async () => connect(port, '127.0.0.1'),
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    await client.head()
    wire.socket.resetAndDestroy()
    await client.end()
    await front.done[0]
  })

  it('sends nothing for a client that has left meanwhile', async () => {
    await using upstream = await RawUpstream.listen()
    const { endpoint } = upstream
    const port = endpoint.kind === 'tcp' ? endpoint.port : 0
    let go: () => void = () => {}
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), {
      dial: async () => {
        client.socket.destroy()
        await gone
        const socket = connect(port, '127.0.0.1')
        await once(socket, 'connect')
        return socket
      },
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.close()
    await front.done[0]
    go()
    expect(await (await upstream.connection()).end()).toBe('')
  })

  it('finds a server that listens on ::1 alone by the name localhost', async (context) => {
    const addresses = await lookup('localhost', { all: true })
    if (!addresses.some(({ address }) => address === '::1')) {
      context.skip('this machine does not call ::1 localhost')
    }
    const server = createServer((socket) => socket.end(ok))
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const front = await Front.listen(new FakeLease({ kind: 'tcp', host: 'localhost', port }))
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
    await front[Symbol.asyncDispose]()
    await new Promise((resolve) => server.close(resolve))
  })

  it('uses what the spawner dials', async () => {
    await using upstream = await RawUpstream.listen('tcp')
    const { endpoint } = upstream
    const port = endpoint.kind === 'tcp' ? endpoint.port : 0
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }), {
      dial: async () => connect(port, '127.0.0.1'),
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(ok)
    expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
  })

  it.each(['plain', 'TLS'])(
    'does not end what was dialled with the time for it (%s)',
    async (how) => {
      const connectTimeoutMs = 300
      const upstream =
        how === 'TLS' ? await TlsUpstream.listen('dial') : await RawUpstream.listen('tcp')
      onTestFinished(() => upstream[Symbol.asyncDispose]())
      const port = 'port' in upstream ? upstream.port : portOf(upstream.endpoint)
      const endpoint: Endpoint =
        how === 'TLS' ? { kind: 'dial', tls: { serverName: 'env.test' } } : { kind: 'dial' }
      const front = await tlsFront(
        endpoint,
        { upstreamTls: { ca: authority } },
        // What it resolves to ends with its signal, as a spawner may have it.
        { connectTimeoutMs, dial: (_lease, signal) => dialEndpoint({ ...loopback, port }, signal) },
      )
      onTestFinished(() => front[Symbol.asyncDispose]())
      const client = await front.client()
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const connection = await upstream.connection()
      const wire = 'wire' in connection ? connection.wire : connection
      await wire.head()
      // Begun after the gateway's own, so that it is over after that.
      await new Promise((resolve) => setTimeout(resolve, connectTimeoutMs))
      wire.send(ok)
      expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
    },
  )

  it('says so where there is nothing to dial with', async () => {
    await using front = await Front.listen(new FakeLease({ kind: 'dial' }))
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('ALCOVE_UPSTREAM_CONNECT')
    expect(String(front.errors[0]?.cause)).toContain('dial')
  })
})
