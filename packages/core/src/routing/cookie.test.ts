import { describe, expect, it } from 'vitest'
import { describeRouter } from '../testing/router-conformance.js'
import { cookieRouter, type CookieRouterOptions } from './cookie.js'
import { cookieValue } from './cookie-value.js'

const cookies = (...cookie: string[]): { headers: { cookie: string[] } } => ({
  headers: { cookie },
})

describeRouter({ describe, it }, "cookieRouter({ name: 'env' })", {
  make: () => cookieRouter({ name: 'env' }),
  matches: [
    cookies('env=pr-42'),
    cookies('a=b; env=pr-42; c=d'),
    cookies('a=b;env=pr-42'),
    cookies('a=b', 'env=pr-42'),
    cookies(' env = pr-42 ; c=d'),
    cookies('env="pr-42"'),
    cookies('env=pr-42; env=pr-1'),
    cookies('env; env=pr-42'),
    cookies('xenv=pr-1; env-x=pr-1; Env=pr-1; a=env=pr-1; env=pr-42;'),
  ].map((head) => ({ head, match: { id: 'pr-42' } })),
  rejects: [
    cookies('env=PR-42'),
    cookies('env=pr%2D42'),
    cookies('env=pr-42\u00a0'),
    cookies('env="pr-42'),
    cookies('env=pr-42, env=pr-1'),
    cookies('env=PR; env=pr-42'),
    cookies('env==pr-42'),
  ],
  passes: [
    {},
    cookies(''),
    cookies('env='),
    cookies('env=""'),
    cookies('env'),
    cookies('a=b'),
    cookies(';;='),
    cookies('=env'),
  ],
})

describe('cookieValue()', () => {
  it.each([
    ['a=1', 'a', '1'],
    ['a=1;b=2', 'b', '2'],
    ['a=b=c', 'a', 'b=c'],
    ['a="1;2"', 'a', '"1'],
    ['a="', 'a', '"'],
    ['ab=1; a', 'a', undefined],
    ['a\t=\t1\t ', 'a', '1'],
    ['b a=1', 'a', undefined],
  ])('of %j, %s is %j', (header, name, value) => {
    expect(cookieValue(header, name)).toBe(value)
  })
})

describe('cookieRouter()', () => {
  it.each<[unknown, string]>([
    [
      {},
      'Expected `name` of cookieRouter() to be a name of letters, digits, "-", "_" and ".", got `undefined`',
    ],
    [undefined, 'Expected `name` of cookieRouter()'],
    [
      { name: 'a=b' },
      'Expected `name` of cookieRouter() to be a name of letters, digits, "-", "_" and ".", got "a=b"',
    ],
    [{ nam: 'a' }, 'did you mean `name`?'],
  ])('refuses the options %j', (options, message) => {
    expect(() => cookieRouter(options as CookieRouterOptions)).toThrow(message)
  })
})
