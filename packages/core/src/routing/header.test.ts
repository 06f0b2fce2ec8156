import { describe, expect, it } from 'vitest'
import { requestHead } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { headerRouter } from './header.js'

const withId = (...values: string[]): { headers: Record<string, string[]> } => ({
  headers: { 'x-env-id': values },
})

describeRouter({ describe, it }, 'headerRouter()', {
  make: () => headerRouter(),
  matches: [
    { head: withId('pr-42'), match: { id: 'pr-42' } },
    { head: withId('0'), match: { id: '0' } },
    { head: withId('a'.repeat(63)), match: { id: 'a'.repeat(63) } },
  ],
  rejects: [
    withId(''),
    withId(' \t'),
    withId('a', 'b'),
    withId('a', 'a'),
    withId('PR-42'),
    withId('pr_42'),
    withId('pr-42\u00a0'),
    withId('"pr-42"'),
    withId('pr%2D42'),
    withId('a'.repeat(64)),
  ],
  passes: [
    {},
    { headers: { 'x-env': 'pr-42' }, target: '/?x-env-id=pr-42', host: 'pr-42.localhost' },
  ],
})

describe('headerRouter()', () => {
  const reasonOf = (...values: string[]): unknown =>
    headerRouter().route(requestHead(withId(...values)))

  it('reads the header of that name, in any case', () => {
    const router = headerRouter({ name: 'X-Branch' })
    expect(router.route(requestHead({ headers: { 'x-branch': 'pr-42' } }))).toEqual({
      is: 'environment',
      id: 'pr-42',
    })
    expect(router.route(requestHead({ headers: { 'x-env-id': 'pr-42' } }))).toBeUndefined()
  })

  it('says what is wrong', () => {
    expect(reasonOf('')).toMatchObject({
      reason: "The header x-env-id is empty: expected an environment's id",
    })
    expect(reasonOf('a', 'a')).toMatchObject({
      reason: 'The header x-env-id has more than one value: expected one id',
    })
    expect(reasonOf('PR-42')).toMatchObject({
      status: 400,
      reason: expect.stringMatching(/^"PR-42" can't name an environment/) as string,
    })
  })

  it.each([
    [
      { name: '' },
      'Expected `name` of headerRouter() to be a name of letters, digits, "-", "_" and ".", got ""',
    ],
    [
      { name: 'x env' },
      'Expected `name` of headerRouter() to be a name of letters, digits, "-", "_" and ".", got "x env"',
    ],
    [
      { name: ':path' },
      'Expected `name` of headerRouter() to be a name of letters, digits, "-", "_" and ".", got ":path"',
    ],
    [
      { name: 'x\n' },
      'Expected `name` of headerRouter() to be a name of letters, digits, "-", "_" and ".", got "x\\n"',
    ],
    [
      { name: 7 },
      'Expected `name` of headerRouter() to be a name of letters, digits, "-", "_" and ".", got `7`',
    ],
    [{ names: 'x' }, 'headerRouter() has no option "names": did you mean `name`?'],
    ['x-env-id', 'Expected the options of headerRouter() to be an object, got "x-env-id"'],
  ])('refuses the options %j', (options, message) => {
    expect(() => headerRouter(options as object)).toThrow(message)
  })
})
