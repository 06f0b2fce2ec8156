import { expect, it } from 'vitest'
import { median, quantile, ratioOfMedians, seededRandom } from '../../bench/statistics.ts'

it('takes the median of samples of odd and even size, in any order', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
})

it('orders by value, not by text, and leaves the sample as it was', () => {
  const sample = [10, 9, 100]
  expect(median(sample)).toBe(10)
  expect(sample).toEqual([10, 9, 100])
})

it('interpolates quantiles as R and NumPy do by default', () => {
  const sample = [15, 20, 35, 40, 50]
  expect(quantile(sample, 0)).toBe(15)
  expect(quantile(sample, 0.25)).toBe(20)
  expect(quantile(sample, 0.4)).toBeCloseTo(29)
  expect(quantile(sample, 1)).toBe(50)
})

it('refuses what has no quantile', () => {
  expect(() => quantile([], 0.5)).toThrow('at least one value')
  expect(() => quantile([1], 1.5)).toThrow('from 0 to 1, got 1.5')
  expect(() => ratioOfMedians([], seededRandom(1))).toThrow('at least one value')
})

it('makes the same numbers from the same seed, spread evenly', () => {
  const [first, second, other] = [seededRandom(1), seededRandom(1), seededRandom(2)]
  const numbers = Array.from({ length: 10_000 }, first)
  expect(Array.from({ length: 10_000 }, second)).toEqual(numbers)
  expect(other()).not.toBe(numbers[0])
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...numbers)).toBeLessThan(1)
  for (const tenth of Array.from({ length: 10 }, (_, index) => index)) {
    const share = numbers.filter((number) => Math.floor(number * 10) === tenth).length / 10_000
    expect(share).toBeCloseTo(0.1, 1)
  }
})

it('has no doubt about a ratio that is the same in each round', () => {
  const rounds = [10, 20, 30, 40].map((base): [number, number] => [base, base])
  expect(ratioOfMedians(rounds, seededRandom(1))).toEqual({ value: 1, low: 1, high: 1 })
})

it('gives an interval around a noisy ratio that holds the true one', () => {
  const random = seededRandom(7)
  const rounds = Array.from({ length: 200 }, (): [number, number] => [
    110 + 20 * random(),
    100 + 20 * random(),
  ])
  const { value, low, high } = ratioOfMedians(rounds, random, { resamples: 500 })
  expect(value).toBeCloseTo(120 / 110, 1)
  expect(low).toBeLessThan(value)
  expect(high).toBeGreaterThan(value)
  expect(low).toBeLessThan(120 / 110)
  expect(high).toBeGreaterThan(120 / 110)
  expect(high - low).toBeLessThan(0.1)
})

it('judges the first of a pair by the second', () => {
  expect(ratioOfMedians([[3, 2]], seededRandom(1)).value).toBe(1.5)
})
