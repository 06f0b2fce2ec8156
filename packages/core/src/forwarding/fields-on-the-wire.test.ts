import { describe, expect, it } from 'vitest'
import { Front, type FrontOptions } from './test-support/front.js'
import { linesOf, namesOf, valuesOf } from './test-support/heads.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Setup } from './test-support/setup.js'

describe.each(['tcp', 'unix'] as const)('fields, to a %s endpoint', (transport) => {
  /** What the environment gets when a client sends this. */
  async function headFor(lines: readonly string[], options: FrontOptions = {}): Promise<string> {
    await using setup = await Setup.of(transport, options)
    setup.client.send(`${lines.join('\r\n')}\r\n\r\n`)
    const wire = await setup.upstream.connection()
    return await wire.head()
  }

  /** What a client gets when the environment sends this. */
  async function answerFor(answer: string, options: FrontOptions = {}): Promise<string> {
    await using setup = await Setup.of(transport, options)
    setup.client.send('GET /p HTTP/1.1\r\nHost: shop.test:8080\r\n\r\n')
    const wire = await setup.upstream.connection()
    await wire.head()
    wire.send(answer)
    return await setup.client.head()
  }

  it('passes on what is between client and environment, in order, repeats separate', async () => {
    const head = await headFor([
      'GET /a/%2e%2e//b?x=%20&y HTTP/1.1',
      'Host: shop.test:8080',
      'X-Twice: 1',
      'Accept: */*',
      'x-tWICE: 2',
      'X-Api-Key: Basic abc',
      'Cookie: a=1; b=2',
    ])
    const lines = linesOf(head)
    expect(lines[0]).toBe('GET /a/%2e%2e//b?x=%20&y HTTP/1.1')
    const sent = [
      'X-Twice: 1',
      'Accept: */*',
      'x-tWICE: 2',
      'X-Api-Key: Basic abc',
      'Cookie: a=1; b=2',
    ]
    expect(lines.filter((line) => sent.includes(line))).toEqual(sent)
    expect(valuesOf(head, 'host')).toEqual(['shop.test:8080'])
  })

  it('removes what is between client and gateway alone', async () => {
    const head = await headFor([
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: keep-alive, X-Private, x-other',
      'Keep-Alive: timeout=7',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic c2VjcmV0',
      'X-Private: 1',
      'X-OTHER: 2',
      'TE: gzip, deflate',
      'Trailer: X-Checksum',
      'Upgrade-Insecure-Requests: 1',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'Expect: 100-continue',
    ])
    const names = namesOf(head)
    for (const gone of [
      'keep-alive',
      'proxy-connection',
      'proxy-authorization',
      'x-private',
      'x-other',
      'te',
      'trailer',
      'http2-settings',
      'expect',
    ]) {
      expect(names).not.toContain(gone)
    }
    expect(names).toContain('upgrade-insecure-requests')
    expect(valuesOf(head, 'connection')).toEqual(['keep-alive'])
  })

  it('keeps of TE that trailers are welcome, even where Connection names it as it should', async () => {
    const head = await headFor([
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: TE',
      'TE: gzip, Trailers;q=0.5',
    ])
    expect(valuesOf(head, 'te')).toEqual(['trailers'])
  })

  it('lets Connection remove nothing that the gateway adds, nor Host', async () => {
    const head = await headFor(
      [
        'GET / HTTP/1.1',
        'Host: a',
        'X-Forwarded-For: 203.0.113.9',
        'Connection: Host, Via, Forwarded, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port',
      ],
      { gatewayName: 'gate', trustProxy: () => true },
    )
    expect(valuesOf(head, 'host')).toEqual(['a'])
    expect(valuesOf(head, 'via')).toEqual(['1.1 gate'])
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(valuesOf(head, 'x-forwarded-proto')).toEqual(['http'])
    expect(valuesOf(head, 'x-forwarded-host')).toEqual(['a'])
    expect(valuesOf(head, 'x-forwarded-port')).toEqual(['80'])
    expect(valuesOf(head, 'forwarded')).toEqual(['for=127.0.0.1;host=a;proto=http'])
  })

  const spoofed = [
    'GET / HTTP/1.1',
    'Host: [::1]:8080',
    'X-Forwarded-For: 203.0.113.9',
    'X-Forwarded-For: 203.0.113.10',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: outside.test',
    'X-Forwarded-Port: 443',
    'Forwarded: for=203.0.113.9',
  ]

  it('replaces what a stranger says about whom it asks for', async () => {
    const head = await headFor(spoofed)
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(valuesOf(head, 'x-forwarded-proto')).toEqual(['http'])
    expect(valuesOf(head, 'x-forwarded-host')).toEqual(['[::1]:8080'])
    expect(valuesOf(head, 'x-forwarded-port')).toEqual(['8080'])
    expect(valuesOf(head, 'forwarded')).toEqual(['for=127.0.0.1;host="[::1]:8080";proto=http'])
  })

  it('extends what a trusted peer says', async () => {
    const asked: string[] = []
    const trustProxy = (address: string): boolean => asked.push(address) > 0
    const head = await headFor(spoofed, { trustProxy })
    expect(asked).toEqual(['127.0.0.1'])
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['203.0.113.9, 203.0.113.10, 127.0.0.1'])
    expect(valuesOf(head, 'x-forwarded-proto')).toEqual(['https, http'])
    expect(valuesOf(head, 'x-forwarded-host')).toEqual(['outside.test, [::1]:8080'])
    expect(valuesOf(head, 'x-forwarded-port')).toEqual(['443, 8080'])
    expect(valuesOf(head, 'forwarded')).toEqual([
      'for=203.0.113.9, for=127.0.0.1;host="[::1]:8080";proto=http',
    ])
  })

  it('adds itself to Via, and refuses what it has seen before', async () => {
    const head = await headFor(['GET / HTTP/1.1', 'Host: a', 'Via: 1.0 other'], {
      gatewayName: 'gate',
    })
    expect(valuesOf(head, 'via').join(', ')).toBe('1.0 other, 1.1 gate')

    await using setup = await Setup.of(transport, { gatewayName: 'gate' })
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 other, 1.1 gate (Alcove)\r\n\r\n')
    expect(await setup.client.until('LOOP_DETECTED')).toContain('HTTP/1.1 508 ')
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('passes bytes beyond ASCII in values as they are', async () => {
    const head = await headFor(['GET / HTTP/1.1', 'Host: a', 'X-Bytes: \xe4\xff\x80\tz'])
    expect(valuesOf(head, 'x-bytes')).toEqual(['\xe4\xff\x80\tz'])

    const answer = await answerFor(
      'HTTP/1.1 200 OK\r\nX-Bytes: \xe4\xff\x80\tz\r\nContent-Length: 0\r\n\r\n',
    )
    expect(valuesOf(answer, 'x-bytes')).toEqual(['\xe4\xff\x80\tz'])
  })

  it('gives an environment a Host where the client gave none', async () => {
    expect(valuesOf(await headFor(['GET / HTTP/1.0']), 'host')).toHaveLength(1)
  })

  it.each([
    ['two Hosts', 'Host: a\r\nHost: b'],
    ['two Hosts that agree', 'Host: a\r\nHost: a'],
  ])('refuses %s', async (_, lines) => {
    await using setup = await Setup.of(transport)
    setup.client.send(`GET / HTTP/1.1\r\n${lines}\r\n\r\n`)
    expect(await setup.client.head()).toContain('HTTP/1.1 400 ')
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('takes a Host that makes no sense for what it is: text', async () => {
    for (const host of ['[::1', 'a b', '::::', 'x:y:z']) {
      expect(valuesOf(await headFor(['GET / HTTP/1.1', `Host: ${host}`]), 'host')).toEqual([host])
    }
  })

  it('passes on an answer in order, repeats separate, and without what was for the gateway', async () => {
    const answer = await answerFor(
      [
        'HTTP/1.1 200 Fine',
        'Set-Cookie: a=1; Path=/',
        'X-Twice: 1',
        'set-cookie: b=2',
        'X-Twice: 2',
        'Connection: close, X-Private',
        'X-Private: 1',
        'Keep-Alive: timeout=3',
        'Proxy-Connection: close',
        'Upgrade: h2c',
        'TE: trailers',
        'Content-Length: 0',
        '\r\n',
      ].join('\r\n'),
    )
    expect(linesOf(answer)[0]).toBe('HTTP/1.1 200 Fine')
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2'])
    expect(valuesOf(answer, 'x-twice')).toEqual(['1', '2'])
    const names = namesOf(answer)
    for (const gone of ['x-private', 'proxy-connection', 'upgrade', 'te']) {
      expect(names).not.toContain(gone)
    }
    expect(valuesOf(answer, 'connection')).toEqual(['keep-alive'])
    expect(valuesOf(answer, 'keep-alive')).not.toEqual(['timeout=3'])
  })

  it.each(['Content-Length: 1', 'Transfer-Encoding: chunked', 'Connection: close'])(
    'passes on bytes beyond ASCII before there is any body, with %s',
    async (framing) => {
      await using setup = await Setup.of(transport)
      const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      wire.send(`HTTP/1.1 200 OK\r\nX-L: caf\xe9\r\n${framing}\r\n\r\n`)
      expect(valuesOf(await setup.client.head(), 'x-l')).toEqual(['caf\xe9'])
    },
  )

  it('keeps the connection of a client whose environment closes its own', async () => {
    await using setup = await Setup.of(transport)
    const { client, upstream } = setup
    for (const path of ['/one', '/two']) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      const wire = await upstream.connection()
      expect(await wire.head()).toContain(path)
      wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi')
      wire.socket.end()
      expect(await client.until('hi')).toContain('HTTP/1.1 200 OK')
    }
    expect(client.ended).toBe(false)
  })

  it('passes on a reason in any bytes, or leaves it out', async () => {
    expect(
      await answerFor('HTTP/1.1 200 Gar nicht so \xfcbel\r\nContent-Length: 0\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('adds the cookies that the router asked for', async () => {
    const answer = await answerFor(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n',
      {
        to: { setCookie: ['env=pr-1; Path=/'] },
      },
    )
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1', 'env=pr-1; Path=/'])
  })
})

describe('absolute targets', () => {
  it.each([
    ['GET http://evil.test/p?q HTTP/1.1', 'GET /p?q HTTP/1.1'],
    ['GET http://evil.test:99?q HTTP/1.1', 'GET /?q HTTP/1.1'],
    ['GET HTTPS://user@evil.test HTTP/1.1', 'GET / HTTP/1.1'],
    ['GET //evil.test/p HTTP/1.1', 'GET //evil.test/p HTTP/1.1'],
    ['GET /http://evil.test/ HTTP/1.1', 'GET /http://evil.test/ HTTP/1.1'],
    ['GET /a/../b/./c HTTP/1.1', 'GET /a/../b/./c HTTP/1.1'],
    ['GET /%2E%2e/%00%ff\\..\\x HTTP/1.1', 'GET /%2E%2e/%00%ff\\..\\x HTTP/1.1'],
  ])('%s becomes %s, and goes where the environment is', async (sent, passed) => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send(`${sent}\r\nHost: a\r\n\r\n`)
    expect(linesOf(await (await upstream.connection()).head())[0]).toBe(passed)
  })

  it('refuses OPTIONS * with a sentence', async () => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.head()).toContain('HTTP/1.1 400 ')
    expect(front.errors[0]?.message).toContain('OPTIONS *')
  })
})

describe('the address of the environment itself', () => {
  it('is kept from browsers in Location and in the Domain of cookies, where it is exactly that', async () => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const { endpoint } = upstream
    const port = endpoint.kind === 'tcp' ? endpoint.port : 0
    const client = await front.client()
    client.send('GET /p HTTP/1.1\r\nHost: shop.test:8080\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(
      [
        'HTTP/1.1 302 Found',
        `Location: http://127.0.0.1:${port}/login?next=http://127.0.0.1:${port}/`,
        'Set-Cookie: a=1; Domain=127.0.0.1; Path=/',
        'Set-Cookie: b=2; domain=127.0.0.10',
        'Content-Length: 0',
        '\r\n',
      ].join('\r\n'),
    )
    const answer = await client.head()
    expect(valuesOf(answer, 'location')).toEqual([
      `http://shop.test:8080/login?next=http://127.0.0.1:${port}/`,
    ])
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2; domain=127.0.0.10'])
  })
})
