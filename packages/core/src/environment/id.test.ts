import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertEnvironmentId, isEnvironmentId } from './id.js'

describe('ids', () => {
  it.each(['a', '0', 'pr-42', 'a--b', 'xn--bcher-kva', 'a'.repeat(63)])(
    '%s names an environment',
    (id) => {
      expect(assertEnvironmentId(id)).toBe(id)
    },
  )

  it.each([
    '',
    '-a',
    'a-',
    'A',
    'a_b',
    'a.b',
    'a b',
    'a\n',
    '\na',
    'ä',
    '../etc',
    'a/b',
    '%61',
    'a'.repeat(64),
  ])('%j does not', (id) => {
    expect(isEnvironmentId(id)).toBe(false)
    expect(() => assertEnvironmentId(id)).toThrow(/can't name an environment/)
  })

  it.each([undefined, null, 1, {}, ['a']])('%j does not, though it is no string', (id) => {
    expect(() => assertEnvironmentId(id as never)).toThrow(/can't name an environment/)
  })

  it('an error never carries control characters or more than a line of what was sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 64 }), (id) => {
        try {
          assertEnvironmentId(id)
        } catch (error) {
          expect((error as Error).message).not.toMatch(
            // eslint-disable-next-line no-control-regex -- the point of it
            /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/,
          )
          expect((error as Error).message.length).toBeLessThan(800)
        }
      }),
    )
  })
})
