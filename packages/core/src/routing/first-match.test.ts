import { describe, expect, it } from 'vitest'
import { requestHead } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { firstMatch } from './first-match.js'
import { headerRouter } from './header.js'
import type { RouterLike } from './router.js'
import { subdomainRouter } from './subdomain.js'

describeRouter({ describe, it }, 'firstMatch()', {
  make: () =>
    firstMatch(headerRouter(), firstMatch(subdomainRouter({ domain: 'localhost' })), ({ target }) =>
      target === '/c' ? 'c' : undefined,
    ),
  matches: [
    {
      head: { host: 'b.localhost', target: '/c', headers: { 'x-env-id': 'a' } },
      match: { id: 'a' },
    },
    { head: { host: 'b.localhost', target: '/c' }, match: { id: 'b' } },
    { head: { target: '/c' }, match: { id: 'c' } },
  ],
  rejects: [
    { host: 'b.localhost', target: '/c', headers: { 'x-env-id': 'A' } },
    { host: 'b.b.localhost', target: '/c' },
  ],
  passes: [{}],
})

describe('firstMatch()', () => {
  it('asks no further than the first answer', () => {
    const asked: number[] = []
    const router = firstMatch(
      () => void asked.push(1),
      () => (asked.push(2), { is: 'redirect', location: '/' }),
      () => void asked.push(3),
    )
    expect(router.route(requestHead())).toEqual({ is: 'redirect', location: '/' })
    expect(asked).toEqual([1, 2])
  })

  it('checks bare ids', () => {
    expect(firstMatch(() => '../etc').route(requestHead())).toMatchObject({
      is: 'reject',
      status: 400,
    })
  })

  it('names the router that is wrong', () => {
    const broken = (() => 42) as unknown as RouterLike
    expect(() => firstMatch(() => undefined, broken).route(requestHead())).toThrow(
      'Expected `router 2 of firstMatch()` to return an id, a match or undefined, got `42`',
    )
    expect(() => firstMatch(headerRouter() as never, 'x' as never)).toThrow(
      'Expected `router 2 of firstMatch()` to be a router or a function of the request\'s head, got "x"',
    )
  })

  it('wants a router', () => {
    expect(() => firstMatch()).toThrow('Expected firstMatch() to get one router or more, got none')
  })
})
