import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Front, type FrontOptions } from './test-support/front.js'
import { linesOf, namesOf, valuesOf } from './test-support/heads.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Setup } from './test-support/setup.js'
import { Stream } from './test-support/stream.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What a client of HTTP/2 gets of it. */
async function overHttp2(answer: string, options: FrontOptions = {}): Promise<Stream> {
  await using upstream = await RawUpstream.listen()
  await using front = await Front.listen(upstream, { ...options, http2: true })
  const stream = new Stream(front.session(), { ':path': '/' })
  stream.stream.end()
  const wire = await upstream.connection()
  await wire.head()
  wire.send(answer)
  await stream.close()
  await Promise.all(front.done)
  return stream
}

describe('an answer that HTTP/2 does not take as it is', () => {
  it.each(['Date', 'ETag', 'Location', 'Content-Type', 'Access-Control-Allow-Credentials'])(
    'has %s once where it came twice',
    async (name) => {
      const stream = await overHttp2(
        `HTTP/1.1 200 OK\r\n${name}: a\r\n${name.toLowerCase()}: b\r\nContent-Length: 2\r\n\r\nok`,
      )
      expect([stream.status, stream.body]).toEqual([200, 'ok'])
      expect(stream.valuesOf(name.toLowerCase())).toEqual(['a'])
    },
  )

  it('has no HTTP2-Settings', async () => {
    const stream = await overHttp2(
      'HTTP/1.1 200 OK\r\nHTTP2-Settings: a\r\nContent-Length: 2\r\n\r\nok',
    )
    expect([stream.status, stream.body]).toEqual([200, 'ok'])
    expect(stream.valuesOf('http2-settings')).toEqual([])
  })

  it('has trailers that it takes, repeats included', async () => {
    const unfit =
      'HTTP2-Settings: a\r\nTE: x\r\nUpgrade: b\r\nProxy-Connection: c\r\nTK: 1\r\nTK: 2\r\n'
    const stream = await overHttp2(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${unfit}X-A: 1\r\nx-a: 2\r\nConstructor: z\r\n\r\n`,
    )
    expect([stream.status, stream.body, stream.resetCode]).toEqual([200, 'ok', 0])
    expect(Object.entries(stream.trailers)).toEqual([
      ['tk', '1'],
      ['x-a', '1, 2'],
      ['constructor', 'z'],
    ])
  })

  it('has the rest of an interim answer', async () => {
    const stream = await overHttp2(
      `HTTP/1.1 103 Early Hints\r\nETag: a\r\nETag: b\r\nHTTP2-Settings: c\r\nConstructor: z\r\n__proto__: y\r\nContent-Length: 5\r\n\r\n${ok}`,
    )
    expect([stream.status, stream.body]).toEqual([200, 'ok'])
    expect(stream.interim.map((fields) => Object.entries(fields))).toEqual([
      [
        [':status', 103],
        ['etag', 'a'],
        ['constructor', 'z'],
        ['__proto__', 'y'],
      ],
    ])
  })

  it('goes without an interim answer that can not be sent', async () => {
    const stream = await overHttp2(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`, {
      before: (_request, response) => {
        if (!('stream' in response)) throw new Error('not HTTP/2')
        response.stream.additionalHeaders = () => {
          throw new Error('not now')
        }
      },
    })
    expect([stream.status, stream.body, stream.interim]).toEqual([200, 'ok', []])
  })

  it('without a body has no length: 204', async () => {
    const stream = await overHttp2('HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n')
    expect([stream.status, stream.resetCode]).toEqual([204, 0])
    expect(stream.valuesOf('content-length')).toEqual([])
  })
})

describe.each([600, 999])('the status %i', (status) => {
  const nonsense = `HTTP/1.1 ${status} X\r\nSet-Cookie: q=1\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok`

  it('is none, over HTTP/1.1', async () => {
    await using setup = await Setup.of('tcp')
    const { wire } = await setup.request(get)
    wire.send(nonsense)
    const head = await setup.client.head()
    expect(linesOf(head)[0]).toBe('HTTP/1.1 502 Bad Gateway')
    expect(namesOf(head)).not.toContain('set-cookie')
  })

  it('is none, over HTTP/2', async () => {
    const stream = await overHttp2(nonsense)
    expect([stream.status, stream.body]).toEqual([502, 'ALCOVE_UPSTREAM_BROKEN'])
    expect(stream.valuesOf('content-encoding')).toEqual([])
  })
})

describe('a head that can not be written', () => {
  const answer =
    'HTTP/1.1 201 Made\r\nSet-Cookie: q=1\r\nContent-Encoding: br\r\nX-Powered-By: env\r\nContent-Length: 2\r\n\r\nok'

  /** Fails the first time, as a host's own `writeHead` may. */
  function failOnce(response: object): void {
    const { writeHead } = response as ServerResponse
    let failed = false
    Object.assign(response, {
      writeHead(this: object, ...how: unknown[]): unknown {
        if (failed) return Reflect.apply(writeHead, this, how)
        failed = true
        throw new Error('not this one')
      },
    })
  }

  it('leaves what the host has set, and nothing else, over HTTP/1.1', async () => {
    await using setup = await Setup.of('tcp', {
      before: (_request, response) => {
        response.setHeader('X-Powered-By', 'host')
        response.setHeader('Set-Cookie', ['session=1'])
        failOnce(response)
      },
    })
    const { wire } = await setup.request(get)
    wire.send(answer)
    const head = await setup.client.head()
    expect(linesOf(head)[0]).toBe('HTTP/1.1 502 Bad Gateway')
    expect(valuesOf(head, 'x-powered-by')).toEqual(['host'])
    expect(valuesOf(head, 'set-cookie')).toEqual(['session=1'])
    expect(namesOf(head)).not.toContain('content-encoding')
  })

  it('leaves what the host has set, and nothing else, over HTTP/2', async () => {
    const stream = await overHttp2(answer, {
      before: (_request, response) => {
        response.setHeader('X-Powered-By', 'host')
        response.setHeader('Set-Cookie', ['session=1'])
        failOnce(response)
      },
    })
    expect(stream.status).toBe(502)
    expect(stream.valuesOf('x-powered-by')).toEqual(['host'])
    expect(stream.valuesOf('set-cookie')).toEqual(['session=1'])
    expect(stream.valuesOf('content-encoding')).toEqual([])
  })

  it('leaves neither reason nor fields where Node.js itself refuses it', async () => {
    await using setup = await Setup.of('tcp', {
      before: (_request, response) => {
        response.setHeader('X-Powered-By', 'host')
      },
      // What hooks set is looked at; what the host's own code does afterwards is not.
      to: { setCookie: ['a=\u0100'] },
    })
    const { wire } = await setup.request(get)
    wire.send(answer)
    const head = await setup.client.head()
    expect(linesOf(head)[0]).toBe('HTTP/1.1 502 Bad Gateway')
    expect(valuesOf(head, 'x-powered-by')).toEqual(['host'])
    expect(namesOf(head)).not.toContain('content-encoding')
  })
})

describe('Content-Length where there can be none', () => {
  it('is not in a 103', async () => {
    await using setup = await Setup.of('tcp')
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n')
    expect(await setup.client.head()).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
  })

  it('is not in a 101', async () => {
    await using setup = await Setup.of('tcp')
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
    const { wire } = await setup.request(`GET / HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)
    wire.send(
      `HTTP/1.1 101 Switching Protocols\r\n${upgrade}X-A: 1\r\nContent-Length: 5\r\n\r\nhello`,
    )
    const head = await setup.client.head()
    expect(namesOf(head)).toContain('x-a')
    expect(namesOf(head)).not.toContain('content-length')
    expect(await setup.client.until('hello')).toBe('hello')
  })

  it('is not in a 204', async () => {
    await using setup = await Setup.of('tcp')
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 204 No Content\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n')
    const head = await setup.client.head()
    expect(namesOf(head)).toContain('x-a')
    expect(namesOf(head)).not.toContain('content-length')
  })
})
