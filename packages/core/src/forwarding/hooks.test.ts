import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../errors.js'
import { Forwarder } from './forwarder.js'
import { fieldsOf, replaceFields } from './header-fields.js'
import type { ForwardingHooks, IncomingResponse, OutgoingRequest } from './hooks.js'
import { namesOf, valuesOf } from './test-support/heads.js'
import { Setup } from './test-support/setup.js'

const get = 'GET /a/b?c=1 HTTP/1.1\r\nHost: pr-1.test\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n'

async function sent(options: ForwardingHooks, text = get): Promise<string> {
  await using setup = await Setup.of('tcp', options)
  return (await setup.request(text)).head
}

async function answered(options: ForwardingHooks, fields: string): Promise<string> {
  await using setup = await Setup.of('tcp', options)
  const { wire } = await setup.request(get)
  wire.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`)
  const head = await setup.client.head()
  expect(await setup.client.until('ok')).toBe('ok')
  return head
}

describe('pathRewrite', () => {
  it.each<[ForwardingHooks['pathRewrite'], string]>([
    [{ '^/a': '/x' }, '/x/b?c=1'],
    [{ '^/no': '/x', '/b': '', '^/a': '/never' }, '/a?c=1'],
    [{ '^/no': '/x' }, '/a/b?c=1'],
    [(path) => path.replace('/a', ''), '/b?c=1'],
    [() => undefined, '/a/b?c=1'],
    [(path, request) => `${path}&m=${request.method}`, '/a/b?c=1&m=GET'],
  ])('%o asks for %s', async (pathRewrite, path) => {
    expect(await sent({ pathRewrite })).toMatch(`GET ${path} HTTP/1.1\r\n`)
  })

  it.each([
    ['/api', '/'],
    ['/api?x=1', '/?x=1'],
    ['/api/a', '/a'],
    ['/apix', '/x'],
    ['/api//evil.test', '//evil.test'],
  ])('that takes the front of %s off asks for %s', async (from, to) => {
    const head = await sent({ pathRewrite: { '^/api': '' } }, get.replace('/a/b?c=1', from))
    expect(head).toMatch(`GET ${to} HTTP/1.1\r\n`)
  })

  it('leaves bytes as they are', async () => {
    const path = '/%e4/%2e%2e//x|y'
    const text = get.replace('/a/b?c=1', path)
    expect(await sent({ pathRewrite: (now) => now }, text)).toMatch(`GET ${path} HTTP/1.1\r\n`)
  })

  it('is refused at once where it makes no sense', () => {
    expect(() => new Forwarder({ pathRewrite: { '(': '/' } })).toThrow(
      'Expected the names in `pathRewrite` to be regular expressions, got "("',
    )
    expect(() => new Forwarder({ pathRewrite: { a: 1 } as never })).toThrow(InvalidOptionError)
  })
})

describe('fields of requests', () => {
  it('may be set, changed and taken away', async () => {
    const head = await sent({
      rewriteRequestHeaders: (request, headers) => {
        expect(request.method).toBe('GET')
        expect(headers).toMatchObject({ 'x-two': ['1', '2'], host: 'pr-1.test' })
        const { 'x-forwarded-for': _, ...others } = headers
        return { ...others, 'X-New': ['a', 'b'], host: 'other.test', via: undefined }
      },
    })
    expect(valuesOf(head, 'host')).toEqual(['other.test'])
    expect(valuesOf(head, 'x-new')).toEqual(['a', 'b'])
    expect(valuesOf(head, 'x-two')).toEqual(['1', '2'])
    expect(head).toContain('X-Two: 1\r\nX-Two: 2\r\n')
    expect(namesOf(head)).not.toContain('x-forwarded-for')
    expect(namesOf(head)).not.toContain('via')
  })

  it('keep their frame', async () => {
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
    await using setup = await Setup.of('tcp', {
      rewriteRequestHeaders: (_request, headers) => ({ host: headers['host'] }),
    })
    const { wire, head } = await setup.request(post)
    expect(valuesOf(head, 'content-length')).toEqual(['5'])
    expect(await wire.until('hello')).toBe('hello')
  })
})

describe('onRequest', () => {
  it('sees what is about to be sent, is waited for, and may change it', async () => {
    const seen: OutgoingRequest[] = []
    const head = await sent({
      pathRewrite: { '^/a': '' },
      async onRequest(request, outgoing) {
        seen.push({ ...outgoing })
        await new Promise((resolve) => setImmediate(resolve))
        outgoing.path = '/token'
        outgoing.headers = { ...outgoing.headers, 'x-token': String(request.headers.host) }
      },
    })
    expect(seen).toMatchObject([{ id: 'pr-1', generation: 1, method: 'GET', path: '/b?c=1' }])
    expect(head).toMatch('GET /token HTTP/1.1\r\n')
    expect(valuesOf(head, 'x-token')).toEqual(['pr-1.test'])
  })

  it('sees WebSockets too', async () => {
    await using setup = await Setup.of('tcp', {
      onRequest: async (_request, outgoing) => {
        await new Promise((resolve) => setImmediate(resolve))
        outgoing.headers['x-seen'] = '1'
      },
    })
    const { head } = await setup.request(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    expect(valuesOf(head, 'x-seen')).toEqual(['1'])
    expect(valuesOf(head, 'upgrade')).toEqual(['websocket'])
  })

  it('that never ends is left with its client', async () => {
    const called = Promise.withResolvers<void>()
    await using setup = await Setup.of('tcp', {
      onRequest: () => {
        called.resolve()
        return new Promise(() => {})
      },
    })
    setup.client.send(get)
    await called.promise
    setup.client.socket.destroy()
    await setup.front.done[0]
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('that ends when its client is gone sends nothing', async () => {
    const called = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    await using setup = await Setup.of('tcp', {
      onRequest: () => {
        called.resolve()
        return held.promise
      },
    })
    setup.client.send(get)
    await called.promise
    const [socket] = setup.front.openSockets
    setup.client.socket.destroy()
    if (socket) await once(socket, 'close')
    held.resolve()
    await setup.front.done[0]
    await new Promise((resolve) => setImmediate(resolve))
    expect(setup.upstream.connections).toHaveLength(0)
  })
})

describe('answers', () => {
  it('have their fields rewritten', async () => {
    const seen: IncomingResponse[] = []
    const head = await answered(
      {
        rewriteHeaders: (headers, request) => {
          expect(request.url).toBe('/a/b?c=1')
          return { ...headers, 'x-new': '1', server: undefined }
        },
        onResponse(_request, incoming) {
          seen.push({ ...incoming })
          delete incoming.headers['x-powered-by']
        },
      },
      'Server: x\r\nX-Powered-By: y\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n',
    )
    expect(seen).toMatchObject([{ id: 'pr-1', generation: 1, status: 200 }])
    expect(valuesOf(head, 'x-new')).toEqual(['1'])
    expect(valuesOf(head, 'set-cookie')).toEqual(['a=1', 'b=2'])
    expect(valuesOf(head, 'content-length')).toEqual(['2'])
    expect(namesOf(head)).not.toContain('server')
    expect(namesOf(head)).not.toContain('x-powered-by')
  })
})

describe('fields that are left alone', () => {
  it('may be any that an environment sends, several of one name too', async () => {
    const fields = 'Expect: a\r\nExpect: b\r\nX-A: 1\r\n'
    for (const hooks of [
      { onResponse() {} },
      { rewriteHeaders: (headers) => ({ ...headers }) },
      { rewriteHeaders: (headers) => structuredClone(headers) },
    ] satisfies ForwardingHooks[]) {
      const head = await answered(hooks, fields)
      expect(head).toContain('HTTP/1.1 200 ')
      expect(valuesOf(head, 'expect')).toEqual(['a', 'b'])
    }
  })

  it.each([[['a']], [['b', 'a']], [['a', 'b', 'c']], ['a']])(
    'are changed where %j is left of them',
    async (expected) => {
      await using setup = await Setup.of('tcp', {
        onResponse: (_, incoming) => void (incoming.headers['expect'] = expected),
      })
      const { wire } = await setup.request(get)
      wire.send('HTTP/1.1 200 OK\r\nExpect: a\r\nExpect: b\r\nContent-Length: 0\r\n\r\n')
      expect(await setup.client.until('ALCOVE_HOOK_FAILED')).toContain('HTTP/1.1 500 ')
    },
  )

  it('may be more than a call has arguments', () => {
    const flat = Array.from({ length: 400_000 }, (_, i) => (i % 2 === 0 ? `a${i}` : ''))
    const before = [...flat]
    replaceFields(flat, fieldsOf(flat), 'onResponse')
    expect(flat).toEqual(before)
  })
})
