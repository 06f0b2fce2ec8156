import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import type { RequestHead, RouterLike } from '../routing/router.js'
import { requestHead } from './request-head.js'
import { describeRouter, type RouterFixture } from './router-conformance.js'

const byBranch: RouterLike = (head) => head.header('x-branch')

const underTest: RouterFixture = {
  make: () => byBranch,
  matches: [{ head: { headers: { 'x-branch': 'pr-42' } }, match: { id: 'pr-42' } }],
  rejects: [{ headers: { 'x-branch': 'PR 42' } }],
  passes: [{}],
}

describeRouter({ describe, it }, 'by branch', underTest)

/** The titles of the tests that a router fails. */
function failuresOf(changes: Partial<RouterFixture>): string[] {
  const failures: string[] = []
  describeRouter(
    {
      describe: (_name, body) => body(),
      it: (name, body) => {
        try {
          void body()
        } catch (error) {
          assert.ok(error instanceof Error)
          failures.push(name)
        }
      },
    },
    'changed',
    { ...underTest, ...changes },
  )
  return failures
}

const hostile = 'gives a safe answer to hostile requests'
const repeatable = 'answers the same request in the same way, whatever came before'

describe('describeRouter()', () => {
  it('passes a good router', () => {
    expect(failuresOf({})).toEqual([])
  })

  it('wants a match', () => {
    expect(failuresOf({ matches: [] })).toContain('has a request to match')
  })

  it('sees a wrong match, rejection, redirect and pass', () => {
    expect(failuresOf({ matches: [{ head: {}, match: { id: 'a' } }] })).toEqual(['matches {}'])
    expect(
      failuresOf({ matches: [{ head: { headers: { 'x-branch': 'a' } }, match: { id: 'b' } }] }),
    ).toHaveLength(1)
    expect(failuresOf({ rejects: [{}] })).toEqual(['rejects {}'])
    expect(failuresOf({ redirects: [{ head: {}, location: '/' }] })).toEqual(['redirects {}'])
    expect(failuresOf({ passes: [{ headers: { 'x-branch': 'a' } }] })).toHaveLength(1)
  })

  it('sees a router that remembers', () => {
    const make = (): RouterLike => {
      let previous: string | undefined
      return (head) => (previous = head.header('x-branch') ?? previous)
    }
    expect(failuresOf({ make })).toContain(repeatable)
  })

  it('sees a promise', () => {
    const make = (): RouterLike => (async () => 'pr-42') as unknown as RouterLike
    expect(failuresOf({ make })).toContain(hostile)
  })

  it('sees a header asked for in capitals', () => {
    const make = (): RouterLike => (head) => (head.header('X-Trace'), byBranch(head))
    expect(failuresOf({ make })).toEqual(['asks for headers in lower case'])
  })

  it('sees a router that throws at hostile text', () => {
    const make = (): RouterLike => (head) => {
      const text = head.header('x-branch')
      return text === undefined ? undefined : decodeURIComponent(text)
    }
    expect(failuresOf({ make })).toEqual([hostile])
  })

  it('sees an open redirect, unless it is meant', () => {
    const make = (): RouterLike => (head) =>
      head.target.startsWith('/') && head.target !== '/'
        ? { is: 'redirect', location: head.target }
        : byBranch(head)
    expect(failuresOf({ make })).toEqual([hostile])
    const login = (): RouterLike => (head) =>
      byBranch(head) ?? { is: 'redirect', location: 'https://login.example/' }
    expect(failuresOf({ make: login, passes: [] })).toEqual([hostile])
    const redirects = [{ head: {}, location: 'https://login.example/' }]
    expect(failuresOf({ make: login, passes: [], redirects })).toEqual([])
  })

  it('gives a head that can only be read', () => {
    const make = (): RouterLike => (head) => {
      ;(head as { target: string }).target = '/'
      return byBranch(head)
    }
    expect(failuresOf({ make })).toContain(hostile)
  })
})

describe('requestHead()', () => {
  it('is a plain GET of / unless told', () => {
    const head: RequestHead = requestHead()
    expect({ ...head, header: undefined }).toEqual({
      method: 'GET',
      target: '/',
      host: 'localhost',
      header: undefined,
      remoteAddress: '127.0.0.1',
      localPort: undefined,
      encrypted: false,
    })
    expect(head.header('host')).toBe('localhost')
    expect(head.header('cookie')).toBeUndefined()
  })

  it('joins repeated fields as Node.js does', () => {
    const head = requestHead({ headers: { Cookie: ['a=1', 'b=2'], 'X-A': ['1', '2'] } })
    expect(head.header('cookie')).toBe('a=1; b=2')
    expect(head.header('x-a')).toBe('1, 2')
  })
})
