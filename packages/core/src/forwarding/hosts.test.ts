import type { ServerResponse } from 'node:http'
import { type IncomingMessage, type RequestListener, createServer } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { describe, expect, it } from 'vitest'
import { type AlcoveError, BodyAlreadyReadError } from '../errors.js'
import { Forwarder } from './forwarder.js'
import { FakeLease } from './test-support/fake-lease.js'
import { linesOf, valuesOf } from './test-support/heads.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Wire } from './test-support/wire.js'

type Forward = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const answer = [
  'HTTP/1.1 201 Made',
  'X-Powered-By: Environment',
  'Content-Type: text/x-own',
  'Set-Cookie: a=1',
  'Set-Cookie: b=2',
  'X-Twice: 1',
  'X-Twice: 2',
  'Content-Length: 2\r\n\r\nok',
].join('\r\n')

// What hosts do before a gateway is reached, in all the ways that have broken proxies.
const hosts: Record<string, (forward: Forward) => RequestListener> = {
  'node:http': (forward) => (request, response) => void forward(request, response),
  'Express 5': (forward) => express5().use((request, response) => forward(request, response)),
  'Express 4': (forward) =>
    express4().use((request, response) => {
      void forward(request, response)
    }),
  'Koa 3': (forward) => {
    const app = new Koa3()
    app.use((context) => {
      context.respond = false
      return forward(context.req, context.res)
    })
    const handle = app.callback()
    return (request, response) => void handle(request, response)
  },
  'Koa 2': (forward) => {
    const app = new Koa2()
    app.use((context) => {
      context.respond = false
      return forward(context.req, context.res)
    })
    const handle = app.callback()
    return (request, response) => void handle(request, response)
  },
  'a host that has set fields': (forward) => (request, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.setHeader('Content-Length', '99')
    response.setHeader('X-Twice', ['0', '0'])
    response.statusCode = 404
    response.statusMessage = 'Nothing'
    void forward(request, response)
  },
  // As on-headers does, and with it compression, morgan and express-session.
  'a host that has put its own writeHead in place': (forward) => (request, response) => {
    const original = response.writeHead
    response.writeHead = function writeHead(this: ServerResponse, ...how: unknown[]) {
      const fields = how.find((argument) => typeof argument === 'object')
      if (Array.isArray(fields))
        throw new Error('on-headers before 1.1 takes a flat list for pairs')
      response.setHeader('X-Late', '1')
      return Reflect.apply(original, this, how) as ServerResponse
    }
    void forward(request, response)
  },
}

class Host implements AsyncDisposable {
  readonly forwarder = new Forwarder()
  readonly errors: AlcoveError[] = []
  readonly done: Promise<void>[] = []
  readonly #server
  port = 0

  private constructor(upstream: RawUpstream, make: (forward: Forward) => RequestListener) {
    const lease = new FakeLease(upstream.endpoint)
    this.#server = createServer(
      make((request, response) => {
        const forwarded = this.forwarder
          .forward(request, response, lease, { target: request.url ?? '/' })
          .catch((error: unknown) => {
            const known = error as AlcoveError
            this.errors.push(known)
            response.writeHead(known.status).end(known.code)
          })
        this.done.push(forwarded)
        return forwarded
      }),
    )
  }

  static async listen(
    upstream: RawUpstream,
    make: (forward: Forward) => RequestListener,
  ): Promise<Host> {
    const host = new Host(upstream, make)
    await new Promise<void>((resolve) => host.#server.listen(0, '127.0.0.1', resolve))
    const address = host.#server.address()
    host.port = typeof address === 'object' && address ? address.port : 0
    return host
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.forwarder.close()
  }
}

describe.each(Object.entries(hosts))('under %s', (name, make) => {
  it('an answer is the environment’s own', async () => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, make)
    const client = await Wire.connect(host.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(answer)
    const head = await client.head()
    expect(linesOf(head)[0]).toBe('HTTP/1.1 201 Made')
    expect(valuesOf(head, 'x-powered-by')).toEqual(['Environment'])
    expect(valuesOf(head, 'content-type')).toEqual(['text/x-own'])
    expect(valuesOf(head, 'content-length')).toEqual(['2'])
    expect(valuesOf(head, 'set-cookie')).toEqual(['a=1', 'b=2'])
    expect(valuesOf(head, 'x-twice')).toEqual(['1', '2'])
    if (name.includes('writeHead')) expect(valuesOf(head, 'x-late')).toEqual(['1'])
    expect(await client.bytes(2)).toBe('ok')
    await Promise.all(host.done)
    expect(host.errors).toEqual([])
  })

  it('keeps the host’s cookies beside the environment’s', async () => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, (forward) => {
      const listener = make(forward)
      return (request, response) => {
        response.setHeader('Set-Cookie', ['session=1', 'other=2'])
        listener(request, response)
      }
    })
    const client = await Wire.connect(host.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(answer)
    const cookies = valuesOf(await client.head(), 'set-cookie')
    expect(cookies.toSorted()).toEqual(['a=1', 'b=2', 'other=2', 'session=1'])
  })

  it('an event stream flows', async () => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, make)
    const client = await Wire.connect(host.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    await client.head()
    wire.send('3\r\nabc\r\n')
    await client.until('abc')
    client.socket.destroy()
    await wire.end()
    await Promise.all(host.done)
  })
})

it('events are not held back by what compresses them', async () => {
  await using upstream = await RawUpstream.listen()
  await using host = await Host.listen(upstream, (forward) => (request, response) => {
    // As compression does: what is written waits until there is enough of it, or somebody asks.
    const held: unknown[] = []
    const { write } = response
    response.write = (chunk: unknown) => held.push(chunk) > 0
    const flush = (): void => {
      for (const chunk of held.splice(0)) Reflect.apply(write, response, [chunk])
    }
    void forward(request, Object.assign(response, { flush }))
  })
  const client = await Wire.connect(host.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const wire = await upstream.connection()
  await wire.head()
  wire.send(
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await client.head()
  wire.send('3\r\nabc\r\n')
  await client.until('abc')
})

describe('where a body parser was mounted first', () => {
  const parsed = (forward: Forward): RequestListener =>
    express5().use(express5.json(), (request, response) => forward(request, response))

  it.each([
    ['of known length', 'Content-Length: 2\r\n\r\n{}'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
  ])('a body %s that it has read is met with what to do', async (_, rest) => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, parsed)
    const client = await Wire.connect(host.port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${rest}`)
    expect(await client.until('ALCOVE_BODY_ALREADY_READ')).toContain('HTTP/1.1 500 ')
    expect(host.errors[0]).toBeInstanceOf(BodyAlreadyReadError)
    expect(host.errors[0]?.message).toContain('mount devEnvProxy() before body parsers')
    expect(upstream.connections).toHaveLength(0)
  })

  it.each([
    ['a request without a body', 'GET', '\r\n', ''],
    ['an empty body', 'POST', 'Content-Type: application/json\r\nContent-Length: 0\r\n\r\n', ''],
    [
      'a body of another kind',
      'POST',
      'Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi',
      'hi',
    ],
  ])('%s works', async (_, method, rest, body) => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, parsed)
    const client = await Wire.connect(host.port)
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n${rest}`)
    const wire = await upstream.connection()
    expect(await wire.head()).toContain(`${method} / `)
    expect(await wire.bytes(body.length)).toBe(body)
    wire.send(answer)
    expect(await client.until('ok')).toContain('HTTP/1.1 201 Made')
  })

  it('a body that was read in part is refused too', async () => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, (forward) => (request, response) => {
      request.once('data', () => {
        request.pause()
        void forward(request, response)
      })
    })
    const client = await Wire.connect(host.port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhi')
    expect(await client.until('ALCOVE_BODY_ALREADY_READ')).toContain('HTTP/1.1 500 ')
  })

  it('a body of GET that was thrown away does not matter', async () => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, (forward) => (request, response) => {
      request.on('end', () => void forward(request, response)).resume()
    })
    const client = await Wire.connect(host.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(answer)
    expect(await client.until('ok')).toContain('HTTP/1.1 201 Made')
  })
})

describe('where something takes its time before', () => {
  it.each([10, 100_000])('a body of %d bytes arrives whole', async (size) => {
    await using upstream = await RawUpstream.listen()
    await using host = await Host.listen(upstream, (forward) => (request, response) => {
      const look = (): void => {
        // All that Node.js takes in before anybody reads.
        if (request.readableLength >= Math.min(size, 16_384)) void forward(request, response)
        else setImmediate(look)
      }
      look()
    })
    const client = await Wire.connect(host.port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`)
    const wire = await upstream.connection()
    expect(valuesOf(await wire.head(), 'content-length')).toEqual([String(size)])
    expect(await wire.bytes(size)).toBe('x'.repeat(size))
  })

  it('a client that has left meanwhile costs nothing', async () => {
    await using upstream = await RawUpstream.listen()
    let left: () => void = () => {}
    const gone = new Promise<void>((resolve) => {
      left = resolve
    })
    await using host = await Host.listen(upstream, (forward) => (request, response) => {
      response.once('close', () => {
        void forward(request, response).then(left)
      })
      client.socket.destroy()
    })
    const client = await Wire.connect(host.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await gone
    expect(upstream.connections).toHaveLength(0)
  })
})
