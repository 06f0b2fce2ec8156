import { Client } from 'undici'
import { describe, expect, it } from 'vitest'
import { namesOf, valuesOf } from './test-support/heads.js'
import { Setup } from './test-support/setup.js'
import type { Wire } from './test-support/wire.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

it('leaves no listener on a connection that carries many requests', async () => {
  await using setup = await Setup.of('tcp')
  const { client, front, upstream } = setup
  const counts: number[] = []
  let wire: Wire | undefined
  for (let i = 0; i < 20; i += 1) {
    client.send(`POST /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n`)
    if (i > 0) await new Promise((resolve) => setImmediate(resolve))
    client.send('hi')
    wire ??= await upstream.connection()
    await wire.until('hi')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
    await front.done[i]
    for (const socket of front.openSockets) {
      counts.push(socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0))
    }
  }
  expect(new Set(counts).size).toBe(1)
})

it('an event stream may be idle for longer than undici has patience', async () => {
  await using setup = await Setup.of('tcp')
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
  const { wire } = await setup.request(get)
  wire.send(head)
  await setup.client.head()
  // Its patience comes in steps of about a second: one that is impatient shows when it is over.
  const { endpoint } = setup.upstream
  const impatient = new Client(`http://127.0.0.1:${endpoint.kind === 'tcp' ? endpoint.port : 0}`, {
    bodyTimeout: 1,
  })
  const given = impatient.request({ path: '/', method: 'GET' }).then(({ body }) => body.text())
  const other = await setup.upstream.connection()
  await other.head()
  other.send(head)
  await expect(given).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' })
  wire.send('3\r\nabc\r\n')
  await setup.client.until('abc')
  await impatient.destroy()
})

describe.each(['tcp', 'unix'] as const)('streaming, from a %s endpoint', (transport) => {
  it('passes on the head of an event stream before there is an event, and each event as it comes', async () => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    expect(valuesOf(await client.head(), 'transfer-encoding')).toEqual(['chunked'])
    wire.send('9\r\ndata: 1\n\n\r\n')
    expect(await client.until('data: 1\n\n\r\n')).toBe('9\r\ndata: 1\n\n\r\n')
    wire.send('9\r\ndata: 2\n\n\r\n')
    await client.until('data: 2\n\n\r\n')
    expect(front.lease.kinds).toEqual(['stream'])
  })

  it('passes on the head of any answer whose body takes its time', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')
    expect(valuesOf(await setup.client.head(), 'content-length')).toEqual(['3'])
    wire.send('a')
    expect(await setup.client.bytes(1)).toBe('a')
    wire.send('bc')
    expect(await setup.client.bytes(2)).toBe('bc')
    expect(setup.front.lease.kinds).toEqual([])
  })

  it.each([
    ['102 Processing', ''],
    ['103 Early Hints', 'Link: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n'],
    ['103 Early Hints', 'X-Hint: 1\r\n'],
    ['104 ', 'Upload-Draft-Interop-Version: 6\r\n'],
  ])('relays %s with %j, before the answer', async (status, fields) => {
    await using setup = await Setup.of(transport)
    const { client } = setup
    const { wire } = await setup.request(get)
    wire.send(`HTTP/1.1 ${status}\r\n${fields}Connection: X-Private\r\nX-Private: 1\r\n\r\n`)
    expect(await client.head()).toBe(`HTTP/1.1 ${status}\r\n${fields}\r\n`)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await client.until('ok')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('drops interim answers that a full socket would have to hold', async () => {
    await using setup = await Setup.of(transport, {
      before: (request) => {
        Object.defineProperty(request.socket, 'writableNeedDrain', { get: () => true })
      },
    })
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await setup.client.until('ok')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('tells a client of HTTP/1.0 nothing in between', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await setup.client.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('relays trailers, but none that would change what the message means', async () => {
    await using setup = await Setup.of(transport)
    const { client } = setup
    const { wire } = await setup.request(`GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n`)
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n')
    expect(valuesOf(await client.head(), 'trailer')).toEqual(['X-Sum'])
    wire.send('0\r\nX-Sum: 42\r\nSet-Cookie: late=1\r\nX-Sum: \xe4\r\n\r\n')
    expect(await client.until('\r\n\r\n')).toBe('3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-Sum: \xe4\r\n\r\n')
  })

  it('drops Trailer where nothing can follow', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X-Sum\r\n\r\nok')
    const head = await setup.client.head()
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(namesOf(head)).not.toContain('trailer')
  })

  it('answers Expect: 100-continue, and the upload goes through', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
    expect(await client.head()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hello')
    const wire = await upstream.connection()
    expect(namesOf(await wire.head())).not.toContain('expect')
    expect(await wire.bytes(5)).toBe('hello')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await client.until('ok')).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  it.each([
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['of known length', 'Content-Length: 10\r\n\r\nabc'],
  ])('breaks the client’s connection where an answer %s is cut short', async (_, rest) => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    wire.send(`HTTP/1.1 200 OK\r\n${rest}`)
    await client.until('abc')
    wire.socket.destroy()
    // What is left is the end of the chunk that came, and no last chunk.
    expect(['', '\r\n']).toContain(await client.end())
    await front.done[0]
    expect(front.errors).toEqual([])
  })

  it('gives up the request of a client that leaves before an answer', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(get)
    setup.client.socket.destroy()
    await wire.end()
    await setup.front.done[0]
    expect(setup.front.errors).toEqual([])
  })

  it.each(['text/event-stream', 'text/plain'])(
    'gives up the request of a client that leaves in the middle of %s',
    async (type) => {
      await using setup = await Setup.of(transport)
      const { wire } = await setup.request(get)
      wire.send(
        `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      )
      await setup.client.until('abc')
      setup.client.socket.destroy()
      await wire.end()
      await setup.front.done[0]
    },
  )

  it('streams both ways at once', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n')
    const wire = await upstream.connection()
    await wire.until('one')
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n')
    await client.until('ONE')
    client.send('3\r\ntwo\r\n0\r\n\r\n')
    await wire.until('two')
    wire.send('3\r\nTWO\r\n0\r\n\r\n')
    expect(await client.until('0\r\n\r\n')).toContain('TWO')
  })

  it('relays an answer that comes before the upload has ended, and keeps the connection usable', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream, front } = setup
    const { wire } = await setup.request(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nx',
    )
    wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
    expect(await client.until('big')).toMatch(/^HTTP\/1\.1 413 /)
    await wire.end()
    client.send('x'.repeat(299_999))
    client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    const next = await upstream.connection()
    expect(await next.head()).toMatch(/^GET \/next /)
    next.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await client.until('ok')).toMatch(/^HTTP\/1\.1 200 /)
    await Promise.all(front.done)
  })

  it.each([
    ['of known length', 'Content-Length: 3\r\n\r\nbig', 'big'],
    [
      'in chunks',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n',
      '3\r\nbig\r\n0\r\n\r\n',
    ],
  ])(
    'reads the upload of a client that closes afterwards before it ends an answer %s',
    async (_, rest, body) => {
      await using setup = await Setup.of(transport)
      const { client } = setup
      const { wire } = await setup.request(
        'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\nx',
      )
      wire.send(`HTTP/1.1 413 Content Too Large\r\n${rest}`)
      await client.until('big')
      // With bytes in flight that nobody had read, the end of the connection would be a reset.
      expect(client.ended).toBe(false)
      client.send('x'.repeat(2_999_999))
      expect(`big${await client.end()}`).toBe(body.slice(body.indexOf('big')))
      expect(client.failure).toBeUndefined()
    },
  )

  it('relays an answer whose connection is closed in the middle of the upload', async () => {
    await using setup = await Setup.of(transport)
    const { client } = setup
    const { wire } = await setup.request(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n',
    )
    wire.send('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig')
    wire.socket.end()
    expect(await client.until('big')).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('closes the connection of a client that sends on and on though it has its answer', async () => {
    await using setup = await Setup.of(transport)
    const { client } = setup
    const { wire } = await setup.request(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n',
    )
    wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
    await client.until('big')
    let sent = 0
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const more = (): void => {
      while (!client.socket.destroyed && client.socket.write(chunk)) sent += 0x10000
      sent += 0x10000
    }
    client.socket.on('drain', more)
    more()
    await client.close()
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it.each([
    ['drain', '0\r\n\r\n'],
    ['idle', '0\r\n\r\n'],
    ['gone', ''],
  ] as const)('ends an event stream when its lease is revoked: %s', async (why, end) => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    )
    await client.until('abc\r\n')
    front.lease.revoke(why)
    await wire.end()
    await front.done[0]
    if (end === '') expect(await client.end()).toBe('')
    else expect(await client.until(end)).toBe(end)
  })

  it('breaks the connection under an event stream of declared length that is ended before', async () => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\nabc')
    await client.until('abc')
    front.lease.revoke('drain')
    expect(await client.end()).toBe('')
  })

  it('lets a plain request end when its lease is drained', async () => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    front.lease.revoke('drain')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await client.until('ok')).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('answers at once when the environment of a request that waits is gone', async () => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(get)
    front.lease.revoke('gone')
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toMatch(/^HTTP\/1\.1 502 /)
    await wire.end()
  })
})
