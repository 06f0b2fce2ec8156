import { describe, expect, it } from 'vitest'
import { requestHead, type RequestHeadInit } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { queryRouter, type QueryRouterOptions } from './query.js'

const targets = (...all: string[]): RequestHeadInit[] => all.map((target) => ({ target }))

describeRouter({ describe, it }, "queryRouter({ name: 'env' })", {
  make: () => queryRouter({ name: 'env' }),
  matches: targets(
    '/?env=pr-42',
    '/a/b?x=1&env=pr-42&y=%',
    '/?env=pr%2D42',
    '/?env=%70%72-42',
    '/?%65nv=pr-42',
    '/?&&env=pr-42&',
    '/?a?env=pr-1&env=pr-42',
    '/?Env=pr-1&xenv=pr-1&envx=pr-1&%zz=1&env=pr-42',
    'http://x?env=pr-42',
  ).map((head) => ({ head, match: { id: 'pr-42' } })),
  rejects: targets(
    '/?env=',
    '/?env',
    '/?env&x',
    '/?env=PR-42',
    '/?env=pr+42',
    '/?env=+pr-42',
    '/?env=pr-42%',
    '/?env=%ff',
    '/?env=pr-42%00',
    '/?env=pr%252D42',
    '/?env=a&env=b',
    '/?env=a&env=a',
    '/?env=a&x&%65n%76=b',
    '/?env=a&env',
    '/?env=a=b',
    '/?env=a;b',
    '/?env=a#b',
    '/?env=a?b',
  ),
  passes: targets('/', '/env=pr-42', '/?', '/?x=env', '/?env[]=a', '/?envx=a', '/?ENV=a', '*', ''),
})

describeRouter({ describe, it }, "queryRouter({ name: 'env', strip: true })", {
  make: () => queryRouter({ name: 'env', strip: true }),
  matches: [
    ['/?env=pr-42', '/'],
    ['/a?env=pr-42&x=1', '/a?x=1'],
    ['/a?x=1&env=pr-42', '/a?x=1'],
    ['/a?x=%2B+&env=pr-42&&y=/../%', '/a?x=%2B+&&y=/../%'],
    ['/a?env=pr-42&', '/a?'],
    ['/a?&env=pr-42', '/a?'],
    ['//a?env=pr%2D42', '//a'],
    ['http://x/a?env=pr-42&b', '/a?b'],
    ['http://x?env=pr-42&b', '/?b'],
    ['http://x?env=pr-42', '/'],
  ].map(([from, to]) => ({
    head: { target: from ?? '' },
    match: { id: 'pr-42', target: to ?? '' },
  })),
  rejects: targets('/?env=A', '/?env=a&env=b'),
  passes: targets('/?x=1'),
})

describe('queryRouter()', () => {
  it('says what is wrong', () => {
    const router = queryRouter({ name: 'env' })
    expect(router.route(requestHead({ target: '/?env=' }))).toMatchObject({
      reason: "The query parameter env is empty: expected an environment's id",
    })
    expect(router.route(requestHead({ target: '/?env=a&env=a' }))).toMatchObject({
      reason: 'The query parameter env came more than once: expected one id',
    })
    expect(router.route(requestHead({ target: '/?env=%ff' }))).toMatchObject({
      reason: expect.stringMatching(/^"%ff" can't name an environment/) as string,
    })
    expect(router.route(requestHead({ target: '/?env=%3Cb%3E' }))).toMatchObject({
      reason: expect.stringMatching(/^"<b>" can't name an environment/) as string,
    })
  })

  it('reads long queries once through', () => {
    const target = `/?${'%65x=1&'.repeat(2_000)}env=a`
    expect(queryRouter({ name: 'env' }).route(requestHead({ target }))).toEqual({
      is: 'environment',
      id: 'a',
    })
  })

  it.each<[unknown, string]>([
    [
      {},
      'Expected `name` of queryRouter() to be a name of letters, digits, "-", "_", "." and "~", got `undefined`',
    ],
    [{ name: 'a b' }, 'got "a b"'],
    [{ name: 'a&b' }, 'got "a&b"'],
    [{ name: 'env', strip: 1 }, 'Expected `strip` of queryRouter() to be true or false, got `1`'],
    [{ name: 'env', stripp: true }, 'did you mean `strip`?'],
  ])('refuses the options %j', (options, message) => {
    expect(() => queryRouter(options as QueryRouterOptions)).toThrow(message)
  })
})
