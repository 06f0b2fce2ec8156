import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../errors.js'
import { requestHead } from '../testing/request-head.js'
import { asRouter } from './as-router.js'
import type { RequestHead, RouteMatch, Router, RouterLike } from './router.js'

const head = requestHead({ target: '/a?b' })
const routed = (found: unknown): RouteMatch | undefined =>
  asRouter((() => found) as Router['route'])(head)

describe('asRouter()', () => {
  it('makes a match of a bare id', () => {
    expect(routed('pr-42')).toEqual({ is: 'environment', id: 'pr-42' })
  })

  it('passes undefined on', () => {
    expect(routed(undefined)).toBeUndefined()
  })

  it.each(['', 'PR-42', 'a'.repeat(64), '-a', 'a-', '../x', 'a\n', 'toString ', 'é'])(
    'rejects the bare id %j and the same id in a match',
    (id) => {
      const sentence = expect.stringContaining(
        'expected 1 to 63 characters a-z, 0-9 and "-"',
      ) as string
      expect(routed(id)).toEqual({ is: 'reject', status: 400, reason: sentence })
      expect(routed({ is: 'environment', id })).toEqual({
        is: 'reject',
        status: 400,
        reason: sentence,
      })
    },
  )

  it('shows what was no id escaped and cut short', () => {
    const found = routed(`\u001b[31m\r\n\u2028"${'x'.repeat(200)}`) as { reason: string }
    expect(found.reason).toMatch(/^"\\u001b\[31m\\r\\n\\u2028\\"x+…" can't name an environment/)
    expect(found.reason.length).toBeLessThan(250)
  })

  it('passes every kind of match on, untouched', () => {
    const matches: RouteMatch[] = [
      {
        is: 'environment',
        id: 'a',
        target: '/x?y',
        template: 't',
        wake: false,
        setCookie: ['a=b'],
        orNext: true,
      },
      { is: 'environment', id: 'a', target: '//evil/%2e%2e/;x' },
      { is: 'environment', id: 'a', target: '*' },
      { is: 'reject', status: 404, reason: 'No such thing' },
      { is: 'redirect', location: '/login?from=%2F' },
    ]
    for (const match of matches) expect(routed(match)).toBe(match)
  })

  it('calls the route of an object with the object', () => {
    class ByHost implements Router {
      readonly #id = 'mine'
      route({ host }: RequestHead): string | undefined {
        return host === 'x' ? this.#id : undefined
      }
    }
    expect(asRouter(new ByHost())(requestHead({ host: 'x' }))).toEqual({
      is: 'environment',
      id: 'mine',
    })
  })

  it('lets the error of a function through', () => {
    const broken = (): never => {
      throw new RangeError('mine')
    }
    expect(() => asRouter(broken)(head)).toThrow(new RangeError('mine'))
  })

  it.each([
    [42, '`42`'],
    [null, '`null`'],
    [true, '`true`'],
    [['pr-42'], 'a list'],
    [{}, 'an object'],
    [{ is: 'host' }, 'an object'],
  ])('throws where %j is returned', (found, shown) => {
    expect(() => routed(found)).toThrow(
      new InvalidOptionError(
        `Expected \`router\` to return an id, a match or undefined, got ${shown}`,
      ),
    )
  })

  it.each([
    [{ is: 'environment' }, 'match an id, got `undefined`'],
    [{ is: 'environment', id: 7 }, 'match an id, got `7`'],
    [{ is: 'environment', id: 'a', target: 7 }, 'make the target a string, got `7`'],
    [{ is: 'environment', id: 'a', template: 7 }, 'make the template a string, got `7`'],
    [{ is: 'environment', id: 'a', wake: 'no' }, 'make wake true or false, got "no"'],
    [{ is: 'environment', id: 'a', orNext: 1 }, 'make orNext true or false, got `1`'],
    [
      { is: 'environment', id: 'a', setCookie: 'a=b' },
      'make setCookie a list of strings, got "a=b"',
    ],
    [
      { is: 'environment', id: 'a', setCookie: [1] },
      'make setCookie a list of strings, got a list',
    ],
    [{ is: 'reject', status: 200, reason: '' }, 'reject with status 400 or 404, got `200`'],
    [{ is: 'reject', status: 404 }, 'reject with a reason, got `undefined`'],
    [{ is: 'redirect' }, 'redirect to a string, got `undefined`'],
  ])('throws where a match has a wrong member: %j', (found, what) => {
    expect(() => routed(found)).toThrow(new InvalidOptionError(`Expected \`router\` to ${what}`))
  })

  it.each([
    [{ is: 'environment', id: 'a', target: 'x' }],
    [{ is: 'environment', id: 'a', target: '' }],
    [{ is: 'environment', id: 'a', target: 'http://evil/' }],
    [{ is: 'environment', id: 'a', target: '/a b' }],
    [{ is: 'environment', id: 'a', target: '/a\r\nx: y' }],
    [{ is: 'environment', id: 'a', setCookie: ['a=b\r\nx: y'] }],
    [{ is: 'redirect', location: '/a\r\nx: y' }],
    [{ is: 'redirect', location: '' }],
  ])('rejects text that no header and no request line can carry: %j', (found) => {
    expect(routed(found)).toMatchObject({ is: 'reject', status: 400 })
  })

  it('leaves a target that is the request’s own to the forwarder', () => {
    const absolute = requestHead({ target: 'http://x/a' })
    const route = asRouter(({ target }) => ({ is: 'environment', id: 'a', target }))
    expect(route(absolute)).toEqual({ is: 'environment', id: 'a', target: 'http://x/a' })
  })

  it('escapes the reason of a rejection', () => {
    expect(routed({ is: 'reject', status: 404, reason: 'no \u001b[31m\n\u202e' })).toEqual({
      is: 'reject',
      status: 404,
      reason: 'no \\u{1b}[31m\\u{a}\\u{202e}',
    })
  })

  it('refuses an async function at once', () => {
    const late = (async () => 'pr-42') as unknown as Router['route']
    expect(() => asRouter(late)).toThrow(
      /Expected `router` to be synchronous, got an async function: .*`specFor`/,
    )
    expect(() => asRouter({ route: late })).toThrow(InvalidOptionError)
  })

  it('refuses a promise, and leaves no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    try {
      expect(() => routed(Promise.reject(new Error('late')))).toThrow(
        /Expected `router` to be synchronous, got a promise: .*`authorize`/,
      )
      // Node.js reports unhandled rejections once the microtasks are done, before the next macrotask.
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listener)
    }
  })

  it.each([undefined, null, 'x-env-id', 42, {}, { route: 'x' }, [() => 'a']])(
    'refuses %j in place of a router',
    (router) => {
      expect(() => asRouter(router as unknown as RouterLike)).toThrow(
        /^Expected `router` to be a router or a function of the request's head, got /,
      )
    },
  )
})
