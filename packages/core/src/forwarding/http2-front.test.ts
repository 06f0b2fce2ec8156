import { createConnection } from 'node:net'
import { constants } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { BodyAlreadyReadError } from '../errors.js'
import { Front, type FrontOptions } from './test-support/front.js'
import { linesOf, namesOf, valuesOf } from './test-support/heads.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Stream } from './test-support/stream.js'
import type { Wire } from './test-support/wire.js'

const get = { ':path': '/p?q', ':authority': 'shop.test:8080' }

describe.each(['tcp', 'unix'] as const)('HTTP/2 in front of a %s endpoint', (transport) => {
  class Http2Setup implements AsyncDisposable {
    constructor(
      readonly upstream: RawUpstream,
      readonly front: Front,
      readonly session = front.session(),
    ) {}

    static async of(options: FrontOptions = {}): Promise<Http2Setup> {
      const upstream = await RawUpstream.listen(transport)
      return new Http2Setup(upstream, await Front.listen(upstream, { ...options, http2: true }))
    }

    open(headers: Record<string, string | string[]> = get, end = true): Stream {
      const stream = new Stream(this.session, headers)
      if (end) stream.stream.end()
      return stream
    }

    async request(
      headers: Record<string, string | string[]> = get,
      end = true,
    ): Promise<{ stream: Stream; wire: Wire; head: string }> {
      const stream = this.open(headers, end)
      const wire = await this.upstream.connection()
      return { stream, wire, head: await wire.head() }
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.front[Symbol.asyncDispose]()
      await this.upstream[Symbol.asyncDispose]()
    }
  }

  it('passes on no pseudo-header, Host from :authority, and crumbs of Cookie as one', async () => {
    await using setup = await Http2Setup.of({ gatewayName: 'gate' })
    const { head } = await setup.request({
      ...get,
      cookie: ['a=1', 'b=2', 'c=3; d=4'],
      te: 'trailers',
      'x-bytes': '\xe4',
      'x-twice': ['1', '2'],
    })
    expect(linesOf(head)[0]).toBe('GET /p?q HTTP/1.1')
    expect(valuesOf(head, 'host')).toEqual(['shop.test:8080'])
    expect(valuesOf(head, 'cookie')).toEqual(['a=1; b=2; c=3; d=4'])
    expect(valuesOf(head, 'te')).toEqual(['trailers'])
    expect(valuesOf(head, 'x-bytes')).toEqual(['\xe4'])
    expect(valuesOf(head, 'x-twice')).toEqual(['1', '2'])
    expect(valuesOf(head, 'via')).toEqual(['2.0 gate'])
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(valuesOf(head, 'x-forwarded-host')).toEqual(['shop.test:8080'])
    expect(valuesOf(head, 'x-forwarded-port')).toEqual(['8080'])
    expect(head).not.toMatch(/^:/m)
    for (const name of ['content-length', 'transfer-encoding'])
      expect(namesOf(head)).not.toContain(name)
  })

  it('lets :authority win over Host', async () => {
    await using setup = await Http2Setup.of()
    const { head } = await setup.request({ ...get, host: 'other.test' })
    expect(valuesOf(head, 'host')).toEqual(['shop.test:8080'])
  })

  it('answers without any field of a connection, repeats separate', async () => {
    await using setup = await Http2Setup.of({ to: { setCookie: ['e=1'] } })
    const { stream, wire } = await setup.request()
    wire.send(
      [
        'HTTP/1.1 201 Made',
        'Connection: close, X-Private',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: close',
        'Upgrade: h2c',
        'X-Private: 1',
        'Transfer-Encoding: chunked',
        'Set-Cookie: a=1',
        'Set-Cookie: b=2',
        'X-Twice: 1',
        'X-Twice: 2',
        'X-Bytes: \xe4\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      ].join('\r\n'),
    )
    await stream.close()
    expect([stream.status, stream.body, stream.resetCode]).toEqual([201, 'ok', 0])
    expect(stream.valuesOf('set-cookie')).toEqual(['a=1', 'b=2', 'e=1'])
    expect(stream.valuesOf('x-twice')).toEqual(['1', '2'])
    expect(stream.valuesOf('x-bytes')).toEqual(['\xe4'])
    for (const name of [
      'connection',
      'keep-alive',
      'proxy-connection',
      'upgrade',
      'x-private',
      'transfer-encoding',
    ]) {
      expect([name, stream.valuesOf(name)]).toEqual([name, []])
    }
    await setup.front.done[0]
  })

  it('passes on a body whose length is known', async () => {
    await using setup = await Http2Setup.of()
    const stream = setup.open({ ...get, ':method': 'POST', 'content-length': '5' }, false)
    stream.stream.end('hello')
    const wire = await setup.upstream.connection()
    expect(valuesOf(await wire.head(), 'content-length')).toEqual(['5'])
    expect(await wire.bytes(5)).toBe('hello')
  })

  it('passes on a body whose length is not known', async () => {
    await using setup = await Http2Setup.of()
    const stream = setup.open({ ...get, ':method': 'POST' }, false)
    stream.stream.write('hello')
    const wire = await setup.upstream.connection()
    const head = await wire.head()
    expect(valuesOf(head, 'transfer-encoding')).toEqual(['chunked'])
    expect(namesOf(head)).not.toContain('content-length')
    expect(await wire.until('hello')).toBe('5\r\nhello')
    stream.stream.end()
    await wire.until('0\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await stream.close()).body).toBe('ok')
  })

  it('refuses a body that was read before', async () => {
    await using setup = await Http2Setup.of({
      before: (request) =>
        new Promise((resolve) => {
          if (request.url === '/p?q') request.on('end', resolve).resume()
        }),
    })
    const stream = setup.open({ ...get, ':method': 'POST' }, false)
    stream.stream.end('hello')
    await stream.close()
    expect(setup.front.errors[0]).toBeInstanceOf(BodyAlreadyReadError)
  })

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', ['1234']],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', []],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', []],
  ])('relays an answer without a body: %s, %j', async (method, answer, length) => {
    await using setup = await Http2Setup.of()
    const { stream, wire } = await setup.request({ ...get, ':method': method })
    wire.send(answer)
    await stream.close()
    expect([stream.body, stream.resetCode]).toEqual(['', 0])
    expect(stream.valuesOf('content-length')).toEqual(length)
    await setup.front.done[0]
  })

  it('passes on the head of an event stream before there is an event', async () => {
    await using setup = await Http2Setup.of()
    const { stream, wire } = await setup.request()
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    expect((await stream.head()).status).toBe(200)
    setup.front.lease.revoke('drain')
    await stream.close()
    expect(stream.resetCode).toBe(0)
  })

  it('relays 1xx, and trailers', async () => {
    await using setup = await Http2Setup.of()
    const { stream, wire } = await setup.request()
    wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\nConnection: x\r\n\r\n')
    wire.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    )
    await stream.close()
    expect(stream.interim).toMatchObject([{ ':status': 103, link: '</a>, </b>' }])
    expect(stream.trailers).toMatchObject({ 'x-sum': '1' })
  })

  it('resets the stream where an answer is cut, and that stream only', async () => {
    await using setup = await Http2Setup.of()
    const { stream, wire } = await setup.request()
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await stream.head()
    wire.socket.destroy()
    await stream.close()
    expect(stream.resetCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    expect(setup.session.closed).toBe(false)
    const again = await setup.request()
    again.wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await again.stream.close()).body).toBe('ok')
  })

  it.each([
    ['before an answer', ''],
    ['in the middle', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('gives up the request of a client that leaves %s', async (_, answer) => {
    await using setup = await Http2Setup.of()
    const { stream, wire } = await setup.request()
    wire.send(answer)
    if (answer !== '') await stream.head()
    stream.stream.close(constants.NGHTTP2_CANCEL)
    await wire.end()
    await setup.front.done[0]
    expect(setup.front.errors).toEqual([])
  })

  it.each([
    ['CANCEL', http2Frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))],
    ['NO_ERROR', http2Frame(3, 0, 1, Buffer.from([0, 0, 0, 0]))],
    ['the end of the connection', undefined],
  ])(
    'gives up an upload that is cut short by %s, and takes it for no whole one',
    async (_, reset) => {
      await using setup = await Http2Setup.of()
      const client = await setup.front.client()
      // POST / http, and :authority as a literal (RFC 7541 §6).
      const fields = Buffer.from([0x83, 0x84, 0x86, 0x41, 1, 0x61])
      client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
      client.socket.write(http2Frame(4, 0, 0, Buffer.alloc(0)))
      client.socket.write(http2Frame(1, 4, 1, fields))
      client.socket.write(http2Frame(0, 0, 1, Buffer.from('hal')))
      const wire = await setup.upstream.connection()
      await wire.until('hal')
      if (reset) client.socket.write(reset)
      else client.socket.destroy()
      expect(await wire.end()).not.toContain('0\r\n\r\n')
      await setup.front.done[0]
      expect(setup.front.errors).toEqual([])
    },
  )

  it('relays an answer that comes before the upload has ended', async () => {
    await using setup = await Http2Setup.of()
    const stream = setup.open({ ...get, ':method': 'POST' }, false)
    stream.stream.write('x')
    const wire = await setup.upstream.connection()
    await wire.until('x')
    wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
    await stream.head()
    stream.stream.end('y')
    await stream.close()
    expect([stream.status, stream.body, stream.resetCode]).toEqual([413, 'big', 0])
    await setup.front.done[0]
    const next = await setup.request()
    next.wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await next.stream.close()).body).toBe('ok')
  })

  it.each(['GET', 'HEAD'])('gives up a %s that is given up', async (method) => {
    await using setup = await Http2Setup.of()
    const stream = setup.open({ ...get, ':method': method }, true)
    const wire = await setup.upstream.connection()
    await wire.head()
    stream.stream.close(constants.NGHTTP2_CANCEL)
    await wire.end()
    await setup.front.done[0]
  })

  it('answers errors in HTTP/2', async () => {
    await using setup = await Http2Setup.of({ gatewayName: 'gate' })
    const stream = await setup.open({ ...get, via: '2.0 gate' }).close()
    expect([stream.status, stream.body]).toEqual([508, 'ALCOVE_LOOP_DETECTED'])
  })

  it('survives a client whose connection breaks under many requests', async () => {
    await using setup = await Http2Setup.of()
    const wires: Wire[] = []
    for (let i = 0; i < 5; i += 1) {
      wires.push((await setup.request()).wire)
    }
    setup.session.destroy()
    await Promise.all(wires.map((wire) => wire.end()))
    await Promise.all(setup.front.done)
    expect(setup.front.errors).toEqual([])
  })
})

it('frames that make no sense end their connection alone', async () => {
  await using upstream = await RawUpstream.listen()
  await using front = await Front.listen(upstream, { http2: true })
  const socket = createConnection(front.port, '127.0.0.1', () =>
    socket.write('GET / HTTP/1.1\r\n\r\n'),
  )
  await new Promise((resolve) => socket.on('error', resolve).on('close', resolve).resume())
})

/** A frame of HTTP/2 (RFC 9113 §4.1). */
function http2Frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
