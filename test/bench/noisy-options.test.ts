import { expect, test } from 'vitest'
import { parseOptions } from '../../bench/noisy/options.ts'
import { extentFor } from '../../bench/noisy/plan.ts'

test('measures all floods unless it is told which', () => {
  expect(parseOptions([])).toEqual({
    letters: ['a', 'b', 'c', 'd', 'e'],
    rounds: 6,
    quietPerSecond: 250,
    isQuick: false,
  })
  const words = ['--flood', 'a', '--flood', 'e', '--quick', '--rounds', '3', '--rate', '100']
  expect(parseOptions(words)).toEqual({
    letters: ['a', 'e'],
    rounds: 3,
    quietPerSecond: 100,
    isQuick: true,
  })
})

test('refuses what it was not made for', () => {
  expect(() => parseOptions(['--flood', 'f'])).toThrow('one of a, b, c, d, e, got "f"')
  expect(() => parseOptions(['--rate', '501'])).toThrow('from 100 to 500, got "501"')
  expect(() => parseOptions(['--rounds', '1.5'])).toThrow('--rounds')
  expect(() => parseOptions(['--more'])).toThrow('--more')
})

test('takes at least 5,000 samples, in fewer and longer phases of slow clients', () => {
  for (const letter of ['a', 'e'] as const) {
    const { rounds, samples } = extentFor(letter, 7, false)
    expect(rounds * samples).toBeGreaterThanOrEqual(5000)
  }
  expect(extentFor('e', 6, false).rounds).toBe(3)
})
