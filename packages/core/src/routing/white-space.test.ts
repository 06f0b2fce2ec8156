import { describe, expect, it } from 'vitest'
import { skipSpace, trimmed } from './white-space.js'

describe('skipSpace()', () => {
  it.each([
    ['a', 0, 1, 0],
    [' \ta', 0, 3, 2],
    ['a  b', 1, 2, 2],
    ['a  ', 1, 3, 3],
    ['\u00a0\na', 0, 3, 0],
  ])('in %j from %i to %i comes to %i', (text, from, end, index) => {
    expect(skipSpace(text, from, end)).toBe(index)
  })
})

describe('trimmed()', () => {
  it.each([
    ['a b', 0, 3, 'a b'],
    [' \ta b\t ', 0, 7, 'a b'],
    ['x a x', 1, 4, 'a'],
    ['x   x', 1, 4, ''],
    ['\u00a0a\n', 0, 3, '\u00a0a\n'],
    ['', 0, 0, ''],
  ])('of %j from %i to %i is %4$j', (text, from, end, result) => {
    expect(trimmed(text, from, end)).toBe(result)
  })
})
