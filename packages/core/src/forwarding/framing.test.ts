import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { namesOf, valuesOf } from './test-support/heads.js'
import { Setup } from './test-support/setup.js'

describe.each(['tcp', 'unix'] as const)('framing, to a %s endpoint', (transport) => {
  it.each(['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT', 'PROPFIND'])(
    'keeps a chunked body of %s in chunks, with no length beside them',
    async (method) => {
      await using setup = await Setup.of(transport)
      const { client, upstream } = setup
      client.send(
        `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      )
      const wire = await upstream.connection()
      const head = await wire.head()
      expect(valuesOf(head, 'transfer-encoding')).toEqual(['chunked'])
      expect(namesOf(head)).not.toContain('content-length')
      // The end of a chunk leaves with the next one.
      expect(await wire.until('abc')).toBe('3\r\nabc')
      client.send('2\r\nde\r\n0\r\n\r\n')
      expect(await wire.until('0\r\n\r\n')).toBe('\r\n2\r\nde\r\n0\r\n\r\n')
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await client.until('ok')
      // The connection carries the next request too: nothing is left over on it.
      client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
      expect(await wire.head()).toContain('GET /next ')
    },
  )

  it.each(['POST', 'DELETE', 'GET'])('keeps the length of a body of %s', async (method) => {
    await using setup = await Setup.of(transport)
    const { head, wire } = await setup.request(
      `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`,
    )
    expect(valuesOf(head, 'content-length')).toEqual(['5'])
    expect(namesOf(head)).not.toContain('transfer-encoding')
    expect(await wire.bytes(5)).toBe('hello')
  })

  it.each(['POST', 'PUT'])('says that a body of %s is empty', async (method) => {
    await using setup = await Setup.of(transport)
    const { head } = await setup.request(
      `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
    )
    expect(valuesOf(head, 'content-length')).toEqual(['0'])
    expect(namesOf(head)).not.toContain('transfer-encoding')
  })

  it('gives a GET without a body none', async () => {
    await using setup = await Setup.of(transport)
    const { head } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\n\r\n')
    for (const name of ['content-length', 'transfer-encoding', 'trailer']) {
      expect(namesOf(head)).not.toContain(name)
    }
  })

  it('refuses a request that has a length and chunks', async () => {
    await using setup = await Setup.of(transport)
    setup.client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    expect(await setup.client.end()).toContain('HTTP/1.1 400 ')
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('drops the length and closes the connection where the host’s parser is lenient about both', async () => {
    await using setup = await Setup.of(transport, { server: { insecureHTTPParser: true } })
    const { head, wire } = await setup.request(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    )
    expect(valuesOf(head, 'content-length')).toHaveLength(
      namesOf(head).includes('transfer-encoding') ? 0 : 1,
    )
    expect(valuesOf(head, 'content-length')).not.toEqual(['4'])
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(valuesOf(await setup.client.head(), 'connection')).toEqual(['close'])
    await setup.client.end()
  })

  it('refuses a transfer coding that it would lose', async () => {
    await using setup = await Setup.of(transport)
    setup.client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    )
    expect(await setup.client.head()).toContain('HTTP/1.1 400 ')
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it.each([
    ['of known length', 'Content-Length: 10\r\n\r\nhal'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n'],
  ])('gives up an upload %s that is cut short', async (_, rest) => {
    await using setup = await Setup.of(transport)
    const { front, client } = setup
    const { wire } = await setup.request(`POST /cut HTTP/1.1\r\nHost: a\r\n${rest}`)
    await wire.until('hal')
    client.socket.destroy()
    await wire.end()
    expect(wire.received).not.toContain('0\r\n\r\n')
    await front.done[0]
    expect(front.errors).toEqual([])
    // Its connection was not kept.
    const again = await front.client()
    again.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    const other = await setup.upstream.connection()
    expect(await other.head()).toContain('GET /next ')
  })

  it.each([
    ['HEAD', '200 OK', 'Content-Length: 1234'],
    ['HEAD', '200 OK', 'Transfer-Encoding: chunked'],
    ['GET', '304 Not Modified', 'Content-Length: 1234'],
    ['GET', '204 No Content', 'X-A: 1'],
  ])(
    'relays an answer to %s with %s and %s, and waits for no body',
    async (method, status, field) => {
      await using setup = await Setup.of(transport)
      const { client } = setup
      const { wire } = await setup.request(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
      wire.send(`HTTP/1.1 ${status}\r\n${field}\r\nETag: "x"\r\n\r\n`)
      const head = await client.head()
      expect(head).toContain(`HTTP/1.1 ${status}`)
      expect(namesOf(head)).not.toContain('transfer-encoding')
      if (field.startsWith('Content-Length')) {
        expect(valuesOf(head, 'content-length')).toEqual(['1234'])
      }
      client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
      // undici trusts no connection on which a 304 has a length: bytes of a body might follow.
      const next = status.startsWith('304') ? await setup.upstream.connection() : wire
      expect(await next.head()).toContain('GET /next ')
      next.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      expect(await client.until('ok')).toMatch(/^HTTP\/1\.1 200 OK/)
    },
  )

  it.each(['', 'TE: chunked\r\n', 'Connection: keep-alive\r\n'])(
    'sends a client of HTTP/1.0 (%j) no chunks',
    async (field) => {
      await using setup = await Setup.of(transport)
      const { wire } = await setup.request(`GET / HTTP/1.0\r\nHost: a\r\n${field}\r\n`)
      wire.send(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
      )
      const head = await setup.client.head()
      expect(namesOf(head)).not.toContain('transfer-encoding')
      expect(namesOf(head)).not.toContain('trailer')
      expect(valuesOf(head, 'connection')).toEqual(['close'])
      expect(await setup.client.end()).toBe('abc')
    },
  )

  it('resets the connection of a client of HTTP/1.0 whose answer is cut, for it knows no other sign', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await setup.client.until('abc')
    wire.socket.destroy()
    await setup.client.close()
    expect(setup.client.failure).toBe('ECONNRESET')
  })

  it.each([
    'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 0 Odd\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX-\x01: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
  ])('answers 502 where an environment says %j', async (nonsense) => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send(nonsense)
    wire.socket.end()
    expect(await setup.client.until('ALCOVE_UPSTREAM_BROKEN')).toMatch(/^HTTP\/1\.1 502 /)
  })

  it('passes on a status that nobody knows', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send('HTTP/1.1 599 Strange\r\nContent-Length: 0\r\n\r\n')
    expect(await setup.client.head()).toMatch(/^HTTP\/1\.1 599 Strange\r\n/)
  })

  it('never takes for the next answer what an environment said beyond its last', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    const { wire } = await setup.request('GET /one HTTP/1.1\r\nHost: a\r\n\r\n')
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
    )
    await client.until('one')
    await wire.end()
    client.send('GET /two HTTP/1.1\r\nHost: a\r\n\r\n')
    const other = await upstream.connection()
    await other.head()
    other.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
    expect(await client.until('two')).not.toContain('poison')
  })

  it('leaves the answers to pipelined requests in their order', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    client.send('GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n')
    const first = await upstream.connection()
    const second = await upstream.connection()
    const [one, two] = (await first.head()).includes('/one') ? [first, second] : [second, first]
    two.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nTWO')
    one.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nONE')
    expect(await client.until('TWO')).toContain('ONE')
  })

  it('ends the connection in the turn of an answer that was cut before', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    const [one, two] = [await upstream.connection(), await upstream.connection()]
    const heads = [await one.head(), await two.head()]
    const [first, second] = heads[0]?.startsWith('GET /1') ? [one, two] : [two, one]
    second?.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nyy\r\n')
    second?.socket.end()
    await setup.front.done[1]
    first?.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx')
    const all = await client.end()
    expect(all).toMatch(/\r\n\r\nx/)
    expect(all).not.toContain('0\r\n\r\n')
  })

  it('lets go of pipelined requests whose client leaves, those too that wait for their turn', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream, front } = setup
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(12))
    const wires = await Promise.all(Array.from({ length: 12 }, () => upstream.connection()))
    await Promise.all(wires.map((wire) => wire.head()))
    const warned = once(process, 'warning').then(([warning]) => warning as Error)
    client.socket.destroy()
    await Promise.all(wires.map((wire) => wire.end()))
    await Promise.all(front.done)
    expect(await Promise.race([warned, Promise.resolve('none')])).toBe('none')
  })
})
