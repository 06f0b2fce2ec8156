import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../errors.js'
import type { CookieRewrite } from './cookie-attributes.js'
import { Forwarder } from './forwarder.js'
import type { FrontOptions } from './test-support/front.js'
import { namesOf, valuesOf } from './test-support/heads.js'
import { Setup } from './test-support/setup.js'
import type { Transport } from './test-support/raw-upstream.js'
import { trustOf } from './trust.js'

/** The head that the environment gets, and the head of its answer at the client. */
async function exchange(
  options: FrontOptions,
  answered: readonly string[] = [],
  sent: readonly string[] = [],
  transport: Transport = 'tcp',
): Promise<{ request: string; answer: string; authority: string }> {
  await using setup = await Setup.of(transport, options)
  const { endpoint } = setup.upstream
  const authority = endpoint.kind === 'tcp' ? `127.0.0.1:${endpoint.port}` : 'localhost'
  const lines = ['GET /a HTTP/1.1', 'Host: pr-1.dev.test:8080', ...sent]
  const { wire, head } = await setup.request(`${lines.join('\r\n')}\r\n\r\n`)
  const fields = answered.map((line) => line.replace('AUTHORITY', authority))
  wire.send(`${['HTTP/1.1 200 OK', ...fields, 'Content-Length: 0'].join('\r\n')}\r\n\r\n`)
  return { request: head, answer: await setup.client.head(), authority }
}

describe('changeOrigin', () => {
  it.each(['tcp', 'unix'] as const)('asks a %s endpoint by its own name', async (transport) => {
    const { request, answer, authority } = await exchange(
      { changeOrigin: true },
      ['Location: http://AUTHORITY/next', 'Set-Cookie: a=1; Domain=localhost'],
      [],
      transport,
    )
    expect(valuesOf(request, 'host')).toEqual([authority])
    expect(valuesOf(request, 'x-forwarded-host')).toEqual(['pr-1.dev.test:8080'])
    expect(valuesOf(answer, 'location')).toEqual(['http://pr-1.dev.test:8080/next'])
    expect(valuesOf(answer, 'set-cookie')).toEqual([
      transport === 'unix' ? 'a=1' : 'a=1; Domain=localhost',
    ])
  })

  it('is off by default', async () => {
    const { request } = await exchange({})
    expect(valuesOf(request, 'host')).toEqual(['pr-1.dev.test:8080'])
  })
})

describe('xfwd', () => {
  const spoofed = ['X-Forwarded-For: 1.2.3.4', 'Forwarded: for=1.2.3.4', 'X-Forwarded-Prefix: /x']

  it('says nothing where it is off, and nor may a stranger', async () => {
    const { request } = await exchange({ xfwd: false }, [], spoofed)
    expect(namesOf(request).filter((name) => name.includes('forwarded'))).toEqual([])
  })

  it('passes on what a trusted peer says, off or on', async () => {
    const off = await exchange({ xfwd: false, trustProxy: true }, [], spoofed)
    expect(valuesOf(off.request, 'x-forwarded-for')).toEqual(['1.2.3.4'])
    expect(valuesOf(off.request, 'x-forwarded-prefix')).toEqual(['/x'])
    const to = { target: '/a', clientTarget: '/env/pr-1/a' }
    const on = await exchange({ trustProxy: true, to }, [], spoofed)
    expect(valuesOf(on.request, 'x-forwarded-for')).toEqual(['1.2.3.4, 127.0.0.1'])
    expect(valuesOf(on.request, 'x-forwarded-prefix')).toEqual(['/x/env/pr-1'])
  })

  it('tells the path that was taken off, and Location gets it back', async () => {
    const to = { target: '/a', clientTarget: '/env/pr-1/a' }
    const { request, answer } = await exchange({ to }, ['Location: http://AUTHORITY/b'], spoofed)
    expect(valuesOf(request, 'x-forwarded-prefix')).toEqual(['/env/pr-1'])
    expect(valuesOf(answer, 'location')).toEqual(['http://pr-1.dev.test:8080/env/pr-1/b'])
  })
})

describe('trustProxy', () => {
  it.each([
    [true, true],
    [false, false],
    [['127.0.0.1'], true],
    [['10.0.0.0/8', '127.0.0.0/8'], true],
    [['10.0.0.0/8', '::1'], false],
    [(address: string) => address === '127.0.0.1', true],
  ])('%j trusts this machine: %s', async (trustProxy, trusted) => {
    const { request } = await exchange({ trustProxy }, [], ['X-Forwarded-For: 1.2.3.4'])
    expect(valuesOf(request, 'x-forwarded-for')).toEqual([
      trusted ? '1.2.3.4, 127.0.0.1' : '127.0.0.1',
    ])
  })

  it.each<unknown>(['yes', 1, {}, undefined])(
    'trusts nobody for whom a function returns %j',
    async (answer) => {
      const trustProxy = (() => answer) as () => boolean
      const { request } = await exchange({ trustProxy }, [], ['X-Forwarded-For: 1.2.3.4'])
      expect(valuesOf(request, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    },
  )

  const boom = (): never => {
    throw new Error('boom')
  }
  it.each<[string, () => unknown, string]>([
    ['throws', boom, '`trustProxy` failed'],
    ['promises', async () => false, '`trustProxy` may not be asynchronous'],
    ['rejects', async () => boom(), '`trustProxy` may not be asynchronous'],
    ['has a trap', () => new Proxy({}, { get: boom }), '`trustProxy` failed'],
  ])('of a function that %s is an answer, and nothing is sent', async (_, trustProxy, reason) => {
    await using setup = await Setup.of('tcp', { trustProxy: trustProxy as () => boolean })
    setup.client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: evil.test\r\n\r\n')
    expect(await setup.client.until('ALCOVE_HOOK_FAILED')).toContain('HTTP/1.1 500 ')
    expect(setup.front.errors[0]?.reason).toContain(reason)
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('on a Unix socket is that of all, of a function that trusts no address, and of no list', () => {
    expect(trustOf(true)(undefined)).toBe(true)
    expect(trustOf(false)(undefined)).toBe(false)
    expect(trustOf()(undefined)).toBe(false)
    expect(trustOf(['0.0.0.0/0', '::/0'])(undefined)).toBe(false)
    expect(trustOf((address) => address === '')(undefined)).toBe(true)
  })

  it.each(['10.0.0.0/33', '::/129', 'localhost', '10.0.0.0/8/8', '10.0.0.0/', 1])(
    'refuses %s',
    (range) => {
      expect(() => new Forwarder({ trustProxy: [range as string] })).toThrow(InvalidOptionError)
    },
  )
})

describe('cookies are rewritten', () => {
  it.each<[string, CookieRewrite, string]>([
    ['app.test', 'new.test', '; Domain=new.test'],
    ['app.test', '', ''],
    ['app.test', { 'app.test': 'new.test' }, '; Domain=new.test'],
    ['.APP.test', { 'app.test': 'new.test' }, '; Domain=new.test'],
    ['app.test', { 'x.test': 'new.test', '*': '' }, ''],
    ['app.test', { 'x.test': 'new.test' }, '; Domain=app.test'],
    ['app.test', false, '; Domain=app.test'],
    // What the host itself wants is not narrowed.
    ['app.test', 'dev.test', '; Domain=dev.test'],
    ['dev.test', { 'x.test': 'new.test' }, ''],
    ['app.test', { constructor: 'x' }, '; Domain=app.test'],
  ])('Domain=%s by %j: "%s"', async (domain, cookieDomainRewrite, left) => {
    const cookie = `Set-Cookie: a=1; Domain=${domain}; HttpOnly`
    const { answer } = await exchange({ cookieDomainRewrite }, [cookie, 'Set-Cookie: b=2'])
    expect(valuesOf(answer, 'set-cookie')).toEqual([`a=1${left}; HttpOnly`, 'b=2'])
  })

  it.each([
    ['/', '/env/pr-1/', '; Path=/env/pr-1/'],
    ['/x', { '/': '/y' }, '; Path=/x'],
    ['/x', { '*': '' }, ''],
  ])('Path=%s by %j: "%s"', async (path, cookiePathRewrite, left) => {
    const { answer } = await exchange({ cookiePathRewrite }, [`Set-Cookie: a=1; Path=${path}`])
    expect(valuesOf(answer, 'set-cookie')).toEqual([`a=1${left}`])
  })

  it.each(['a;b', 'a\nb', { '*': 'a;b' }, 1, true])('refuses %j', (cookieDomainRewrite) => {
    expect(() => new Forwarder({ cookieDomainRewrite: cookieDomainRewrite as string })).toThrow(
      InvalidOptionError,
    )
  })
})
