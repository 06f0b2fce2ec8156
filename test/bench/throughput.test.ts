import { expect, it } from 'vitest'
import { seededRandom, shuffled } from '../../bench/statistics.ts'
import { compare, fastest } from '../../bench/throughput/comparison.ts'
import { isMet } from '../../bench/throughput/section.ts'
import type { Slice } from '../../bench/throughput/slices.ts'
import { tableText, verdictTable } from '../../bench/throughput/table.ts'

const slices = (...rates: readonly number[]): readonly Slice[] =>
  rates.map((requestsPerSecond) => ({ requestsPerSecond, busy: 1 }))
const measured = new Map([
  ['alcove', slices(120, 122, 240, 121)],
  ['other', slices(100, 101, 200, 100)],
  ['slow', slices(50, 51, 100, 50)],
])
const ratio = { value: 1.2, low: 1.15, high: 1.25 }
const names = { judged: 'alcove', compared: 'other' }

it('compares slices of the same round', () => {
  const comparison = { what: 'alcove / other', ...names, target: { atLeast: 1.1 } }
  const [verdict] = compare(measured, [comparison], seededRandom(1))
  expect(verdict).toMatchObject(comparison)
  expect(verdict?.ratio.value).toBeCloseTo(121.5 / 100.5)
  expect(verdict?.ratio.low).toBeGreaterThan(1.15)
  expect(verdict?.ratio.high).toBeLessThan(1.25)
})

it('finds the fastest', () => {
  expect(fastest(measured, ['slow', 'other'])).toBe('other')
  expect(() => fastest(measured, ['slow', 'unknown'])).toThrow('There is no row unknown')
})

it('judges by the end of the interval that is nearer to the target, and an A/A ratio by itself', () => {
  expect(isMet({ ratio, target: { atLeast: 1.15 } })).toBe(true)
  expect(isMet({ ratio, target: { atLeast: 1.16 } })).toBe(false)
  expect(isMet({ ratio, target: { atMost: 1.25 } })).toBe(true)
  expect(isMet({ ratio, target: { atMost: 1.24 } })).toBe(false)
  expect(isMet({ ratio, target: { within: [0.97, 1.2] } })).toBe(true)
  expect(isMet({ ratio, target: { within: [0.97, 1.03] } })).toBe(false)
  expect(isMet({ ratio })).toBeUndefined()
})

it('writes ratios as a table', () => {
  const verdicts = [
    { what: 'A/A', ...names, ratio, target: { within: [0.97, 1.03] as const } },
    { what: 'a / b', ...names, ratio, target: { atLeast: 1.1, aim: 1.15 } },
    { what: 'a / c', ...names, ratio, target: { atLeast: 1.1, aim: 1.2 } },
    { what: 'p99', ...names, ratio, target: { atMost: 0.8 } },
    { what: 'a / d', ...names, ratio },
  ]
  expect(tableText(verdictTable(verdicts)).split('\n')).toEqual([
    'ratio  value            95 %                   target',
    'A/A    1.200  1.150 to 1.250             0.97 to 1.03              VOID',
    'a / b  1.200  1.150 to 1.250  at least 1.1 (aim 1.15)  met, and the aim',
    'a / c  1.200  1.150 to 1.250   at least 1.1 (aim 1.2)               met',
    'p99    1.200  1.150 to 1.250              at most 0.8            MISSED',
    'a / d  1.200  1.150 to 1.250',
  ])
})

it('shuffles to each order as often, the same way for the same seed', () => {
  const random = seededRandom(1)
  const counts = new Map<string, number>()
  for (let round = 0; round < 6000; round += 1) {
    const order = shuffled(['a', 'b', 'c'], random).join('')
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  expect(counts.size).toBe(6)
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120)
  expect(shuffled([1, 2, 3, 4], seededRandom(7))).toEqual(shuffled([1, 2, 3, 4], seededRandom(7)))
})
