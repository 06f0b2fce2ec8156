import { rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { FrontResponse } from './messages.js'
import { FakeLease } from './test-support/fake-lease.js'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Setup } from './test-support/setup.js'
import type { Wire } from './test-support/wire.js'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe.each(['tcp', 'unix'] as const)('failures of a %s endpoint', (transport) => {
  /** An exchange that leaves its connection to be used again. */
  async function warm(setup: Setup): Promise<Wire> {
    const { wire } = await setup.request('GET /warm HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send(ok)
    await setup.client.until('ok')
    return wire
  }

  it.each(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT'])(
    'sends %s once more where a connection dies that was used before',
    async (method) => {
      await using setup = await Setup.of(transport)
      const { client, upstream, front } = setup
      const used = await warm(setup)
      client.send(`${method} /again HTTP/1.1\r\nHost: a\r\n\r\n`)
      await used.head()
      used.socket.destroy()
      const fresh = await upstream.connection()
      expect(await fresh.head()).toContain(`${method} /again `)
      fresh.send(ok)
      expect(await client.head()).toContain('HTTP/1.1 200 OK')
      await Promise.all(front.done)
      expect(upstream.connections).toHaveLength(2)
    },
  )

  it('sends it once more only', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    const used = await warm(setup)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await used.head()
    used.socket.destroy()
    const fresh = await upstream.connection()
    await fresh.head()
    fresh.socket.destroy()
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(upstream.connections).toHaveLength(2)
  })

  it.each([
    ['POST', '\r\n'],
    ['PATCH', '\r\n'],
    ['PUT', 'Content-Length: 2\r\n\r\nhi'],
    ['DELETE', 'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'],
  ])('never sends %s with %j twice', async (method, rest) => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    const used = await warm(setup)
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n${rest}`)
    await used.head()
    used.socket.destroy()
    expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(upstream.connections).toHaveLength(1)
  })

  it('never sends a request twice of which a byte was answered', async () => {
    await using setup = await Setup.of(transport)
    const used = await warm(setup)
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await used.head()
    used.socket.end('H')
    expect(await setup.client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(setup.upstream.connections).toHaveLength(1)
  })

  it('never sends a request twice that a new connection may have brought to its end', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.socket.destroy()
    expect(await setup.client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(setup.upstream.connections).toHaveLength(1)
  })

  it('knows a new connection from one that took the place of another', async () => {
    await using setup = await Setup.of(transport)
    const used = await warm(setup)
    used.socket.end()
    await used.close()
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.socket.destroy()
    expect(await setup.client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
    expect(setup.upstream.connections).toHaveLength(2)
  })

  it.each([
    ['of known length', 'Content-Length: 5\r\n\r\nhello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['that is not there yet', 'Content-Length: 5\r\n\r\n'],
  ])('leaves a body %s unread where nobody could be connected to', async (what, rest) => {
    const upstream = await RawUpstream.listen(transport)
    const { endpoint } = upstream
    await upstream[Symbol.asyncDispose]()
    const lease = new FakeLease(endpoint)
    let attempts = 0
    await using recovered = await RawUpstream.listen(transport)
    const front = await Front.listen(lease, {
      tries: 3,
      beforeAttempt: () => {
        attempts += 1
        if (attempts === 3) lease.endpoint = recovered.endpoint
      },
    })
    await using _ = front
    const client = await front.client()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${rest}`)
    const wire = await recovered.connection()
    if (what.startsWith('that')) client.send('hello')
    expect(await wire.until('hello')).toContain('POST / ')
    wire.send(ok)
    expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
    expect(front.errors.map(({ code }) => code)).toEqual(
      Array.from({ length: 2 }, () => 'ALCOVE_UPSTREAM_CONNECT'),
    )
  })

  it('says that an environment is not there, and when to come again', async () => {
    await using setup = await Setup.of(transport)
    const { endpoint } = setup.upstream
    await setup.upstream[Symbol.asyncDispose]()
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await setup.client.until('ALCOVE_UPSTREAM_CONNECT')).toContain('HTTP/1.1 503 ')
    const [error] = setup.front.errors
    expect(error?.retryAfterMs).toBe(1000)
    expect(error?.reason).toMatch(
      /^Environment "pr-1" can't be connected to \((ECONNREFUSED|ENOENT)\)$/,
    )
    if (endpoint.kind === 'unix') expect(error?.message).toContain(endpoint.path)
  })

  it.each([
    ['of known length', 'Content-Length: 300000\r\n\r\nx', 'x'.repeat(299_999)],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n', '2\r\nxx\r\n0\r\n\r\n'],
  ])(
    'reads the rest of an upload %s that broke off, and keeps the connection usable',
    async (_, first, rest) => {
      await using setup = await Setup.of(transport)
      const { client, upstream } = setup
      const { wire } = await setup.request(`POST / HTTP/1.1\r\nHost: a\r\n${first}`)
      wire.socket.destroy()
      expect(await client.until('ALCOVE_UPSTREAM_BROKEN')).toContain('HTTP/1.1 502 ')
      client.send(`${rest}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
      const next = await upstream.connection()
      expect(await next.head()).toContain('GET /next ')
      next.send(ok)
      expect(await client.until('ok')).toContain('HTTP/1.1 200 OK')
    },
  )

  it('waits for an answer no longer than it was told', async () => {
    await using setup = await Setup.of(transport, { headersTimeoutMs: 50 })
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await setup.client.until('ALCOVE_HEADERS_TIMEOUT')).toContain('HTTP/1.1 504 ')
    await wire.end()
  })

  it('attempts no second answer once a head is out', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')
    await setup.client.head()
    wire.socket.destroy()
    expect(await setup.client.end()).toBe('')
    await setup.front.done[0]
    expect(setup.front.errors).toEqual([])
  })

  it('says that the environment is not there where it has gone before a second attempt', async () => {
    await using setup = await Setup.of(transport)
    const used = await warm(setup)
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await used.head()
    setup.upstream.refuse()
    used.socket.destroy()
    expect(await setup.client.until('ALCOVE_UPSTREAM_CONNECT')).toContain('HTTP/1.1 503 ')
  })

  it.each([
    ['an answer comes', (wire: Wire) => wire.send(ok)],
    ['an answer fails', (wire: Wire) => wire.socket.destroy()],
    [
      'something in between comes',
      (wire: Wire) => wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`),
    ],
  ])('leaves an answer that the host has begun meanwhile alone where %s', async (_, answer) => {
    let response: ServerResponse | undefined
    await using setup = await Setup.of(transport, {
      before: (_request, its) => {
        response = its as ServerResponse
      },
    })
    const { client, front } = setup
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    response?.writeHead(504, { 'Content-Length': 4 }).write('mi')
    await client.until('mi')
    answer(wire)
    await front.done[0]
    response?.end('ne')
    expect(await client.until('ne')).toBe('ne')
    expect(front.errors).toEqual([])
    client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    await setup.upstream.connection()
  })

  it('asks for nothing where the host answers already', async () => {
    await using setup = await Setup.of(transport, {
      before: (_request, response) => {
        ;(response as ServerResponse).write('mine')
      },
    })
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await setup.client.until('mine')
    await setup.front.done[0]
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('listens once, where it was tried three times too', async () => {
    const upstream = await RawUpstream.listen(transport)
    const { endpoint } = upstream
    await upstream[Symbol.asyncDispose]()
    const counts: number[] = []
    let response: FrontResponse | undefined
    await using front = await Front.listen(new FakeLease(endpoint), {
      tries: 3,
      before: (_request, its) => {
        response = its
      },
      beforeAttempt: () => counts.push(response?.listenerCount('close') ?? -1),
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('ALCOVE_UPSTREAM_CONNECT')
    const [first = 0, ...again] = counts
    expect(again).toEqual([first + 1, first + 1])
  })
})

describe('the connections of an instance', () => {
  it('are not used for the next one', async () => {
    await using setup = await Setup.of('tcp')
    const { client, upstream, front } = setup
    for (const generation of [1, 2]) {
      front.lease.generation = generation
      const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      wire.send(ok)
      await client.until('ok')
    }
    expect(upstream.connections).toHaveLength(2)
  })

  it('are closed when it is dropped, but not under a request', async () => {
    await using setup = await Setup.of('tcp')
    const { client, front } = setup
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    front.forwarder.drop('pr-1', 1)
    wire.send(ok)
    await client.until('ok')
    await wire.end()
  })

  it('follow it where it moves', async () => {
    await using setup = await Setup.of('tcp')
    await using moved = await RawUpstream.listen('unix')
    const { client, front } = setup
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send(ok)
    await client.until('ok')
    front.lease.endpoint = moved.endpoint
    client.send('GET /moved HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await (await moved.connection()).head()).toContain('/moved')
    await wire.end()
  })

  it('are the same for an endpoint that is told anew', async () => {
    await using setup = await Setup.of('tcp')
    const { client, upstream, front } = setup
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send(ok)
    await client.until('ok')
    front.lease.endpoint = { ...upstream.endpoint }
    client.send('GET /two HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await wire.head()).toContain('/two')
  })

  it('end with the forwarder, those too that are dropped and still busy', async () => {
    await using setup = await Setup.of('tcp')
    const { front } = setup
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    front.forwarder.drop('pr-1', 1)
    await front.forwarder.close()
    await wire.end()
    expect(await setup.client.head()).toContain('HTTP/1.1 502 ')
  })
})

it('a socket file that is missing is a connection that failed', async () => {
  await using setup = await Setup.of('unix')
  const { endpoint } = setup.upstream
  if (endpoint.kind === 'unix') await rm(endpoint.path)
  setup.client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
  expect(await setup.client.until('ALCOVE_UPSTREAM_CONNECT')).toContain('HTTP/1.1 503 ')
  expect(setup.front.errors[0]?.reason).toContain('ENOENT')
})
