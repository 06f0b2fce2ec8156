import { describe, expect, it } from 'vitest'
import { requestHead, type RequestHeadInit } from '../testing/request-head.js'
import { describeRouter, type RouterFixture } from '../testing/router-conformance.js'
import type { RouteMatch } from './router.js'
import { type PathRouterOptions, pathRouter } from './path.js'

type Case = RouterFixture['matches'][number]

const matched = (target: string, rest: string, id = 'pr-42'): Case => ({
  head: { target },
  match: { id, target: rest },
})
const targets = (...all: string[]): RequestHeadInit[] => all.map((target) => ({ target }))

describeRouter({ describe, it }, 'pathRouter()', {
  make: () => pathRouter(),
  matches: [
    matched('/env/pr-42/', '/'),
    matched('/env/pr-42/?', '/?'),
    matched('/env/pr-42/rest?query', '/rest?query'),
    matched('/env/pr-42/env/pr-1/', '/env/pr-1/'),
    // Byte for byte; that "//" at the front is a path is said in RFC 9112 §3.2.1.
    matched('/env/pr-42//evil.example/x', '//evil.example/x'),
    matched('/env/pr-42/../b/%2e%2e/%2F;a=b/a//b?c=/../#', '/../b/%2e%2e/%2F;a=b/a//b?c=/../#'),
    matched('/env/pr-42/\\evil', '/\\evil'),
    matched('/env/a/%zz', '/%zz', 'a'),
    matched('http://evil.example/env/pr-42/a?b', '/a?b'),
    matched('HTTPS://user@evil.example:80/env/pr-42/a', '/a'),
    { head: { method: 'POST', target: '/env/pr-42?a' }, match: { id: 'pr-42', target: '/?a' } },
    { head: { method: 'OPTIONS', target: '/env/pr-42' }, match: { id: 'pr-42', target: '/' } },
    {
      head: { target: '/env/pr-42', headers: { upgrade: 'websocket' } },
      match: { id: 'pr-42', target: '/' },
    },
  ],
  rejects: targets(
    '/env/PR-42/',
    '/env/pr%2D42/',
    '/env/%70r-42',
    '/env/../x',
    '/env/./x',
    '/env//x',
    '/env//',
    '/env/a;b/',
    '/env/a#/',
    '/env/a b/',
    '/env/-a',
    `/env/${'a'.repeat(64)}/`,
    'http://x/env/A/',
  ),
  redirects: [
    { head: { target: '/env/pr-42' }, location: '/env/pr-42/' },
    { head: { target: '/env/pr-42?a=b&c' }, location: '/env/pr-42/?a=b&c' },
    { head: { target: '/env/pr-42?' }, location: '/env/pr-42/?' },
    { head: { target: '/env/pr-42?//evil.example/' }, location: '/env/pr-42/?//evil.example/' },
    { head: { method: 'HEAD', target: '/env/pr-42' }, location: '/env/pr-42/' },
    { head: { target: 'http://evil.example/env/pr-42?a' }, location: '/env/pr-42/?a' },
  ],
  passes: [
    ...targets(
      '/',
      '/env',
      '/env/',
      '/env?pr-42',
      '/env/?pr-42',
      '/environment/pr-42/',
      '/ENV/pr-42/',
      '/%65nv/pr-42/',
      '/env%2Fpr-42/',
      '//env/pr-42/',
      '/x/../env/pr-42/',
      '/x/env/pr-42/',
      '/?/env/pr-42/',
      '*',
      '',
      'env/pr-42/',
      'http://x',
      'http://x?/env/pr-42/',
      'http://x#/env/pr-42/',
      'http:///env/pr-42/',
      'http://env/pr-42/',
      'ftp://x/env/pr-42/',
      'x:443',
    ),
    { target: '/', headers: { cookie: 'alcove-env=pr-42' } },
  ],
})

describeRouter({ describe, it }, "pathRouter({ prefix: '/a/b', strip: false })", {
  make: () => pathRouter({ prefix: '/a/b', strip: false }),
  matches: [
    { head: { target: '/a/b/pr-42/x?y' }, match: { id: 'pr-42', ownPath: '/a/b/pr-42' } },
    { head: { target: 'http://x/a/b/pr-42/x?y' }, match: { id: 'pr-42', ownPath: '/a/b/pr-42' } },
    {
      head: { method: 'PUT', target: '/a/b/pr-42' },
      match: { id: 'pr-42', ownPath: '/a/b/pr-42' },
    },
  ],
  redirects: [{ head: { target: '/a/b/pr-42' }, location: '/a/b/pr-42/' }],
  rejects: targets('/a/b/A/'),
  passes: targets('/a/', '/a/b', '/a/b/', '/env/pr-42/'),
})

describeRouter({ describe, it }, "pathRouter({ prefix: '/' })", {
  make: () => pathRouter({ prefix: '/' }),
  matches: [matched('/pr-42/x', '/x'), matched('/pr-42//', '//')],
  redirects: [{ head: { target: '/pr-42?x' }, location: '/pr-42/?x' }],
  rejects: targets('//pr-42/', '/favicon.ico', '/A/'),
  passes: targets('/', '/?pr-42', '*'),
})

const cookieOf = (id: string): string => `alcove-env=${id}; Path=/; HttpOnly; SameSite=Lax`

describeRouter({ describe, it }, 'pathRouter({ cookie: true })', {
  make: () => pathRouter({ cookie: true }),
  matches: [
    {
      head: { target: '/env/pr-42/x' },
      match: { id: 'pr-42', target: '/x', setCookie: [cookieOf('pr-42')] },
    },
    {
      head: { target: '/env/pr-42/x', encrypted: true },
      match: { id: 'pr-42', target: '/x', setCookie: [`${cookieOf('pr-42')}; Secure`] },
    },
    {
      head: { target: '/env/pr-42/x', headers: { cookie: 'alcove-env=pr-42' } },
      match: { id: 'pr-42', target: '/x' },
    },
    {
      head: { target: '/env/pr-42/x', headers: { cookie: 'alcove-env=pr-1' } },
      match: { id: 'pr-42', target: '/x', setCookie: [cookieOf('pr-42')] },
    },
    {
      head: { target: '/env/pr-42/x', headers: { cookie: 'alcove-env=%' } },
      match: { id: 'pr-42', target: '/x', setCookie: [cookieOf('pr-42')] },
    },
    {
      head: { target: '/assets/x.js?y', headers: { cookie: 'a=b; alcove-env=pr-42' } },
      match: { id: 'pr-42', ownPath: '/env/pr-42', orNext: true },
    },
    {
      head: { target: '/environment', headers: { cookie: 'alcove-env=pr-42' } },
      match: { id: 'pr-42', ownPath: '/env/pr-42', orNext: true },
    },
    {
      head: { target: 'http://x/a', headers: { cookie: 'alcove-env=pr-42' } },
      match: { id: 'pr-42', ownPath: '/env/pr-42', orNext: true },
    },
    // Only what becomes a page moves the browser over.
    {
      head: {
        target: '/env/pr-42/',
        headers: { 'sec-fetch-dest': 'iframe', cookie: 'alcove-env=pr-1' },
      },
      match: { id: 'pr-42', target: '/', setCookie: [cookieOf('pr-42')] },
    },
    {
      head: {
        target: '/env/pr-42/x.png',
        headers: { 'sec-fetch-dest': 'image', cookie: 'alcove-env=pr-1' },
      },
      match: { id: 'pr-42', target: '/x.png' },
    },
  ],
  redirects: [
    {
      head: { target: '/env/pr-42', headers: { cookie: 'alcove-env=pr-1' } },
      location: '/env/pr-42/',
    },
  ],
  rejects: [{ target: '/env/PR-42/', headers: { cookie: 'alcove-env=pr-42' } }],
  passes: [
    { target: '/assets/x.js' },
    { target: '/assets/x.js', headers: { cookie: 'other=pr-42' } },
    ...['', 'PR-42', '../x', '%70r-42', 'a'.repeat(64)].map((id) => ({
      target: '/',
      headers: { cookie: `alcove-env=${id}` },
    })),
    ...['/env', '/env/', '/env?x', '/env/?x', '*', 'x:443'].map((target) => ({
      target,
      headers: { cookie: 'alcove-env=pr-42' },
    })),
  ],
})

describe('pathRouter()', () => {
  it('names the cookie as told', () => {
    const router = pathRouter({ cookie: 'env' })
    expect(router.route(requestHead({ target: '/env/a/' }))).toMatchObject({
      setCookie: ['env=a; Path=/; HttpOnly; SameSite=Lax'],
    })
    expect(router.route(requestHead({ headers: { cookie: 'env=a' } }))).toMatchObject({ id: 'a' })
  })

  it.each(['__Host-env', '__Secure-env', '__host-env'])('sets %s as browsers accept it', (name) => {
    expect(pathRouter({ cookie: name }).route(requestHead({ target: '/env/a/' }))).toMatchObject({
      setCookie: [`${name}=a; Path=/; HttpOnly; SameSite=Lax; Secure`],
    })
  })

  it('remembers the environment’s own path as the prefix has it', () => {
    const head = requestHead({ target: '/x', headers: { cookie: 'alcove-env=a' } })
    expect(pathRouter({ prefix: '/p/q', cookie: true }).route(head)).toMatchObject({
      ownPath: '/p/q/a',
    })
  })

  it('keeps no cookie unless told', () => {
    for (const options of [{}, { cookie: false }, { cookie: undefined }]) {
      expect(pathRouter(options).route(requestHead({ target: '/env/a/' }))).toEqual({
        is: 'environment',
        id: 'a',
        target: '/',
      })
    }
  })

  it('keeps a stripped target an origin-form, whatever follows the id', () => {
    for (const rest of ['/', '//', '///', '//a@b', '/\\', '/?', '/http://x/', '/:80']) {
      const found = pathRouter().route(requestHead({ target: `/env/a${rest}` })) as RouteMatch
      expect(found).toEqual({ is: 'environment', id: 'a', target: rest })
    }
  })

  it.each<[unknown, string]>([
    [{ prefix: 'env/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '//env/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/env//' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/a/../b/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/%65nv/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/env?/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/e v/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: '/\\evil.example/' }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ prefix: 7 }, '`prefix` of pathRouter() to be a path such as "/env/"'],
    [{ strip: 'yes' }, '`strip` of pathRouter() to be true or false, got "yes"'],
    [{ cookie: '' }, '`cookie` of pathRouter() to be true, false or a cookie\'s name, got ""'],
    [
      { cookie: 'a;b' },
      '`cookie` of pathRouter() to be true, false or a cookie\'s name, got "a;b"',
    ],
    [
      { cookie: true, prefix: '/' },
      '`cookie` of pathRouter() to be left out where `prefix` is "/"',
    ],
    [{ prefx: '/env/' }, 'did you mean `prefix`?'],
  ])('refuses the options %j', (options, message) => {
    expect(() => pathRouter(options as PathRouterOptions)).toThrow(message)
  })
})
