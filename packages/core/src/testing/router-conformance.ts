import assert from 'node:assert/strict'
import { isEnvironmentId } from '../environment/id.js'
import { asRouter } from '../routing/as-router.js'
import type { EnvironmentMatch, RequestHead, RouteMatch, RouterLike } from '../routing/router.js'
import { requestHead, type RequestHeadInit } from './request-head.js'
import type { TestApi } from './test-api.js'

/** A router to be tested, and what it is to make of some requests. */
export interface RouterFixture {
  /** A new one, always with the same options. */
  make(): RouterLike
  /** Requests for an environment, one at least. */
  readonly matches: readonly {
    readonly head: RequestHeadInit
    readonly match: Omit<EnvironmentMatch, 'is'>
  }[]
  /** Requests that are refused. */
  readonly rejects?: readonly RequestHeadInit[]
  /** Requests that are sent elsewhere; hostile ones may only be sent to paths, and to the origins named here. */
  readonly redirects?: readonly { readonly head: RequestHeadInit; readonly location: string }[]
  /** Requests that are the host's own. */
  readonly passes?: readonly RequestHeadInit[]
}

/**
 * Tests that a router does what it says, and what every router has to: it answers at once and always the same, leaves the
 * head alone, and meets whatever a stranger sends with an answer that is safe to use.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test'
 * import { describeRouter } from '@alcove/core/testing'
 *
 * describeRouter({ describe, it }, 'by branch', {
 *   make: () => (head) => head.header('x-branch'),
 *   matches: [{ head: { headers: { 'x-branch': 'pr-42' } }, match: { id: 'pr-42' } }],
 *   rejects: [{ headers: { 'x-branch': 'PR 42' } }],
 *   passes: [{}],
 * })
 * ```
 */
export function describeRouter(
  { describe, it }: TestApi,
  name: string,
  router: RouterFixture,
): void {
  describe(`${name}, as any router`, () => {
    it('has a request to match', () => {
      assert.ok(router.matches.length > 0, 'Expected `matches` to hold one request or more')
    })
    for (const { head, match } of router.matches) {
      it(`matches ${shown(head)}`, () => {
        assert.deepEqual(answer(router, requestHead(head)), { is: 'environment', ...match })
      })
    }
    for (const head of router.rejects ?? []) {
      it(`rejects ${shown(head)}`, () => {
        const found = answer(router, requestHead(head))
        assert.equal(found?.is, 'reject')
        assertSafe(found, [])
      })
    }
    for (const { head, location } of router.redirects ?? []) {
      it(`redirects ${shown(head)}`, () => {
        assert.deepEqual(answer(router, requestHead(head)), { is: 'redirect', location })
      })
    }
    for (const head of router.passes ?? []) {
      it(`leaves ${shown(head)} to the host`, () => {
        assert.equal(answer(router, requestHead(head)), undefined)
      })
    }
    it('answers the same request in the same way, whatever came before', () => {
      const heads = listed(router).map((init) => requestHead(init))
      const each = heads.map((head) => answer(router, head))
      const route = asRouter(router.make())
      assert.deepEqual(
        heads.map((head) => route(head)),
        each,
      )
      assert.deepEqual(
        heads.toReversed().map((head) => route(head)),
        each.toReversed(),
      )
    })
    it('asks for headers in lower case', () => {
      const upper = [...namesAsked(router)].filter((field) => field !== field.toLowerCase())
      assert.deepEqual(upper, [])
    })
    it('gives a safe answer to hostile requests', () => {
      const route = asRouter(router.make())
      const origins = (router.redirects ?? []).map(({ location }) => originOf(location))
      for (const head of hostileHeads(router)) {
        assert.doesNotThrow(
          () => assertSafe(route(requestHead(head)), origins),
          `at ${shown(head)}`,
        )
      }
    })
  })
}

function answer(router: RouterFixture, head: RequestHead): RouteMatch | undefined {
  return asRouter(router.make())(head)
}

/** That an answer can be used as it is: in a header, in a log line, as a request's target. */
function assertSafe(found: RouteMatch | undefined, origins: readonly string[]): void {
  if (found?.is === 'environment') {
    assert.ok(
      isEnvironmentId(found.id),
      `Expected an environment's id, got ${JSON.stringify(found.id)}`,
    )
    for (const cookie of found.setCookie ?? []) assert.match(cookie, /^[\t\x20-\x7e\x80-\xff]+$/)
  } else if (found?.is === 'reject') {
    assert.ok(found.reason.length < 1_000, 'Expected a reason of one sentence')
    assert.match(found.reason, /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u)
  } else if (found?.is === 'redirect') {
    assert.match(found.location, /^[\x21-\x7e]+$/)
    assert.ok(
      [here, ...origins].includes(originOf(found.location)),
      `Expected a redirect to a path, or to an origin that \`redirects\` names, got ${found.location}`,
    )
  }
}

const here = 'http://gateway.invalid'

/** Where a browser would go: `//host` and `/\host` are other origins to it. */
function originOf(location: string): string {
  return new URL(location, here).origin
}

function listed(router: RouterFixture): RequestHeadInit[] {
  const some = [...router.matches, ...(router.redirects ?? [])].map(({ head }) => head)
  return [...some, ...(router.rejects ?? []), ...(router.passes ?? [])]
}

function namesAsked(router: RouterFixture): ReadonlySet<string> {
  const names = new Set<string>()
  const route = asRouter(router.make())
  for (const init of listed(router)) {
    const head = requestHead(init)
    route({ ...head, header: (name) => (names.add(name), head.header(name)) })
  }
  return names
}

const hostileTexts = [
  '',
  ' ',
  '-',
  'A',
  '..',
  '../../etc/passwd',
  '%2e%2e%2f',
  '%',
  '%ff%00',
  '//evil.example',
  '/\\evil.example',
  'http://evil.example/',
  'a\r\nset-cookie: a=b',
  'a\0b',
  '$(reboot)',
  '"; rm -rf /; "',
  '<script>alert(1)</script>',
  '\u001b[31m',
  '\u202egnp.exe',
  '\ud800',
  'constructor',
  '__proto__',
  'user:password@host:80',
  '[::1]:8080',
  '127.0.0.1',
  'xn--a',
  'a,b',
  'a;b',
  'a=b',
  'a&b?c#d',
  'a'.repeat(64),
  'a.'.repeat(4_000),
  '=;,&%'.repeat(2_000),
]

/** Hostile text everywhere that the router looks, alone and in the place of an id. */
function* hostileHeads(router: RouterFixture): Generator<RequestHeadInit> {
  const names = [...namesAsked(router)]
  for (const text of hostileTexts) {
    yield { host: text }
    yield { target: text }
    yield { target: `/${text}` }
    for (const name of names) yield { headers: { [name]: text } }
    for (const { head, match } of router.matches) yield withText(head, match.id, text)
  }
}

function withText(head: RequestHeadInit, id: string, text: string): RequestHeadInit {
  const put = (value: string): string => value.replaceAll(id, () => text)
  const headers = Object.entries(head.headers ?? {}).map(([name, value]) => [
    name,
    typeof value === 'string' ? put(value) : value.map((one) => put(one)),
  ])
  return {
    ...head,
    ...(head.host === undefined ? {} : { host: put(head.host) }),
    ...(head.target === undefined ? {} : { target: put(head.target) }),
    headers: Object.fromEntries(headers) as Record<string, string | string[]>,
  }
}

/** A head for a test's title. */
function shown(head: RequestHeadInit): string {
  const text = JSON.stringify(head)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
