import { describe, expect, it } from 'vitest'
import { backOffMs } from './back-off.js'

const policy = { initialBackOffMs: 1_000, maxBackOffMs: 10_000, maxConsecutiveFailures: 6 }

describe('backOffMs()', () => {
  it('doubles up to the limit, and ends after too many', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((times) => backOffMs(times, policy, () => 0))
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, Infinity, Infinity])
  })

  it('takes off up to a quarter at random', () => {
    expect(backOffMs(1, policy, () => 0.999_999)).toBeCloseTo(750, 0)
    expect(new Set(Array.from({ length: 20 }, () => backOffMs(1, policy))).size).toBeGreaterThan(1)
  })
})
