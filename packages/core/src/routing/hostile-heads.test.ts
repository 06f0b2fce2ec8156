import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEnvironmentId } from '../environment/id.js'
import { requestHead } from '../testing/request-head.js'
import { asRouter } from './as-router.js'
import { baggageRouter } from './baggage.js'
import { cookieRouter } from './cookie.js'
import { firstMatch } from './first-match.js'
import { headerRouter } from './header.js'
import { pathRouter } from './path.js'
import { portRouter } from './port.js'
import { queryRouter } from './query.js'
import type { RequestHead, Router, RouterLike } from './router.js'
import { subdomainRouter } from './subdomain.js'

const ports = portRouter()
ports.set(4001, 'a')

const routers: Readonly<Record<string, Router>> = {
  headerRouter: headerRouter(),
  subdomainRouter: subdomainRouter({ domain: 'dev.example.com', reserved: ['www'] }),
  'subdomainRouter with a part of a label': subdomainRouter({ domain: 'a-*-b.localhost' }),
  pathRouter: pathRouter(),
  'pathRouter with a cookie, unstripped': pathRouter({ cookie: 'env', strip: false }),
  'pathRouter at the root': pathRouter({ prefix: '/' }),
  cookieRouter: cookieRouter({ name: 'env' }),
  queryRouter: queryRouter({ name: 'env' }),
  'queryRouter that strips': queryRouter({ name: 'env', strip: true }),
  baggageRouter: baggageRouter({ key: 'env' }),
  portRouter: ports,
}
const all = firstMatch(...Object.values(routers))

// Strings of single characters seldom get past the first comparison: most are put together of what routers look for.
const pieces = fc.constantFrom(
  ...'env pr-42 a- -b A www 0 é \u212a \ud800 \0 \r\n \u202e %2d % %65nv'.split(' '),
  ...'.dev.example.com .localhost http:// [::1] :80 @ . .. / // /env/ \\'.split(' '),
  ...'? & = + # ; , " * - _'.split(' '),
  ' ',
  '\t',
  'x'.repeat(64),
)
const text = fc.oneof(
  { weight: 4, arbitrary: fc.array(pieces, { maxLength: 8 }).map((some) => some.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)
const head = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS', ''),
    target: fc.oneof(
      text,
      text.map((rest) => `/${rest}`),
      text.map((rest) => `/env/${rest}`),
      text.map((rest) => `/?env=${rest}`),
    ),
    host: fc.oneof(
      text,
      text.map((rest) => `${rest}.dev.example.com`),
      text.map((rest) => `a-${rest}-b.localhost`),
    ),
    headers: fc.record(
      {
        'x-env-id': text,
        cookie: fc.oneof(
          text,
          text.map((rest) => `env=${rest}`),
        ),
        baggage: fc.oneof(
          text,
          text.map((rest) => `env=${rest}`),
        ),
        upgrade: text,
        'sec-fetch-dest': text,
      },
      { requiredKeys: [] },
    ),
    localPort: fc.constantFrom(undefined, 4001, 80, Number.NaN),
    encrypted: fc.boolean(),
  })
  .map((init) => requestHead(init as Parameters<typeof requestHead>[0]))

const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)

/** What is wrong with a router's answer: it is to be safe in a header, a log line and a request's target. */
function problemOf(router: RouterLike, request: RequestHead): string | undefined {
  const found = asRouter(router)(request)
  if (found === undefined) return undefined
  if (found.is === 'reject') {
    if (found.status !== 400) return 'another status'
    return /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]{1,700}$/u.test(found.reason) ? undefined : 'a raw reason'
  }
  if (found.is === 'redirect') {
    const { origin } = new URL(found.location, 'http://gateway.test')
    if (origin !== 'http://gateway.test') return 'an open redirect'
    return /^[\x21-\x7e]+$/.test(found.location) ? undefined : 'a raw location'
  }
  const cookie = /^env=[a-z0-9-]+; Path=\/; HttpOnly; SameSite=Lax(; Secure)?$/
  if (!isEnvironmentId(found.id)) return 'a wrong id'
  if (!/^\/[\x21-\xff]*$/.test(found.target ?? '/')) return 'a raw target'
  return (found.setCookie ?? []).every((one) => cookie.test(one)) ? undefined : 'a raw cookie'
}

describe('on whatever a stranger sends', () => {
  it.each(Object.entries(routers))('%s gives a safe answer and throws nothing', (_name, router) => {
    fc.assert(
      fc.property(head, (request) => {
        expect(problemOf(router, request)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it.each(Object.entries(routers))(
    '%s needs no check by asRouter() for its ids',
    (_name, router) => {
      fc.assert(
        fc.property(head, (request) => {
          const bare = router.route(request)
          const named = typeof bare === 'object' && bare.is === 'environment' ? bare.id : 'none'
          expect(typeof bare).not.toBe('string')
          expect(isEnvironmentId(named)).toBe(true)
        }),
        { numRuns: 300 },
      )
    },
  )

  it('all of them in turn give a safe answer', () => {
    fc.assert(
      fc.property(head, (request) => {
        expect(problemOf(all, request)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('asRouter() makes any text that a function returns an id or a rejection', () => {
    const grammar = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
    fc.assert(
      fc.property(fc.oneof(text, id), (found) => {
        const match = asRouter(() => found)(requestHead())
        expect(match?.is).toBe(grammar.test(found) ? 'environment' : 'reject')
        expect(problemOf(() => found, requestHead())).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })
})

describe('every id there can be', () => {
  it('is found by each router', () => {
    fc.assert(
      fc.property(id, (one) => {
        const found = (router: Router, init: Parameters<typeof requestHead>[0]): unknown =>
          router.route(requestHead(init))
        const match = { is: 'environment', id: one }
        expect(found(headerRouter(), { headers: { 'x-env-id': one } })).toEqual(match)
        expect(
          found(subdomainRouter({ domain: 'dev.example.com' }), { host: `${one}.dev.example.com` }),
        ).toEqual(match)
        expect(found(pathRouter(), { target: `/env/${one}/` })).toEqual({ ...match, target: '/' })
        expect(found(cookieRouter({ name: 'env' }), { headers: { cookie: `env=${one}` } })).toEqual(
          match,
        )
        expect(found(queryRouter({ name: 'env' }), { target: `/?env=${one}` })).toEqual(match)
        expect(
          found(baggageRouter({ key: 'env' }), { headers: { baggage: `env=${one}` } }),
        ).toEqual(match)
      }),
      { numRuns: 100 },
    )
  })
})

describe('what a router makes of a target', () => {
  const rest = text.filter((some) => /^[\x21-\x7e]*$/.test(some))

  it('is, for a path, its end: byte for byte', () => {
    fc.assert(
      fc.property(id, rest, (one, after) => {
        expect(pathRouter().route(requestHead({ target: `/env/${one}/${after}` }))).toEqual({
          is: 'environment',
          id: one,
          target: `/${after}`,
        })
      }),
      { numRuns: 300 },
    )
  })

  /** What URLSearchParams finds in a query, and leaves of it. */
  function expectedOf(query: string): unknown {
    // A "?" at the front would be dropped.
    const params = new URLSearchParams(`&${query}`)
    const values = params.getAll('env')
    const [value = ''] = values
    if (values.length === 0) return undefined
    if (values.length > 1 || !isEnvironmentId(value)) return 'reject'
    params.delete('env')
    return [value, [...params]]
  }

  it('agrees, for a query, with URLSearchParams', () => {
    const router = asRouter(queryRouter({ name: 'env', strip: true }))
    const parameter = fc.oneof(
      rest,
      rest.map((value) => `env=${value}`),
      id.map((value) => `env=${value}`),
    )
    const query = fc
      .array(parameter, { maxLength: 4 })
      .map((some) => some.join('&').replaceAll('#', ''))
    const foundIn = (given: string): unknown => {
      const found = router(requestHead({ target: `/x?${given}` }))
      if (found?.is !== 'environment') return found?.is
      return [found.id, [...new URL(found.target ?? '', 'http://x').searchParams]]
    }
    fc.assert(
      fc.property(query, (given) => {
        expect(foundIn(given)).toEqual(expectedOf(given))
      }),
      { numRuns: 500 },
    )
  })
})
