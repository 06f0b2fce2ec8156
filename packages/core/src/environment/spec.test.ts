import { describe, expect, it } from 'vitest'
import { specHash } from './spec.js'

describe('specHash()', () => {
  it('does not depend on the order of members', () => {
    expect(specHash('process', { a: 1, b: { c: [1, 2], d: null } })).toBe(
      specHash('process', { b: { d: null, c: [1, 2] }, a: 1 }),
    )
  })

  it('ignores members that are undefined, as JSON does', () => {
    expect(specHash('process', { a: 1, b: undefined as never })).toBe(specHash('process', { a: 1 }))
  })

  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: '1' }, { a: 1 }],
    [{ a: {} }, { a: [] }],
    [{ 'a":1,"b': 1 }, { a: 1, b: 1 }],
  ])('tells %j from %j', (one, other) => {
    expect(specHash('process', one)).not.toBe(specHash('process', other))
  })

  it('tells spawners apart', () => {
    expect(specHash('process', {})).not.toBe(specHash('sandbox', {}))
  })
})
