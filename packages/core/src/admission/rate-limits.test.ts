import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateLimitedError } from '../limit-errors.js'
import { manualClock } from '../testing/manual-clock.js'
import type { RateLimit } from './options.js'
import { assertRate, RateLimits } from './rate-limits.js'
import { AdmissionScene, thrownBy } from './test-support/admission-scene.js'

describe('a bucket', () => {
  const clock = manualClock({ nowMs: 12_345.678 })
  const limits = new RateLimits(clock)
  let names = 0
  const fresh = (): string => `environment ${(names += 1)}`
  const takeAll = (name: string, rate: RateLimit): number => {
    let taken = 0
    while (taken < 1_000 && limits.take(name, rate) === 0) taken += 1
    return taken
  }

  it.each<[RateLimit, number]>([
    [{ requestsPerSecond: 10, burst: 3 }, 3],
    [{ requestsPerSecond: 10 }, 10],
    [{ requestsPerSecond: 0.1 }, 1],
    [{ requestsPerSecond: 0.1, burst: 5 }, 5],
    [{ requestsPerSecond: 3, burst: 1 }, 1],
    [{ requestsPerSecond: 2.5 }, 2],
    [{ requestsPerSecond: 7, burst: 700 }, 700],
  ])('of %o is full with %i', (rate, burst) => {
    expect(takeAll(fresh(), rate)).toBe(burst)
  })

  it.each<[RateLimit, number]>([
    [{ requestsPerSecond: 10, burst: 3 }, 100],
    [{ requestsPerSecond: 0.5 }, 2_000],
    [{ requestsPerSecond: 0.1 }, 10_000],
    [{ requestsPerSecond: 2.5, burst: 4 }, 400],
    // Half a token is left of it.
    [{ requestsPerSecond: 2.5 }, 200],
  ])('of %o has the next token exactly when it says so', (rate, inMs) => {
    const name = fresh()
    takeAll(name, rate)
    expect(limits.take(name, rate)).toBeCloseTo(inMs, 1)
    clock.advanceSync(inMs - 1)
    expect(limits.take(name, rate)).toBeCloseTo(1, 1)
    clock.advanceSync(1)
    expect(limits.take(name, rate)).toBe(0)
    expect(limits.take(name, rate)).toBeGreaterThan(0)
  })

  it('has one for who waits as long as it says', () => {
    const name = fresh()
    const rate = { requestsPerSecond: 3, burst: 1 }
    for (let times = 0; times < 100; times += 1) {
      expect(limits.take(name, rate)).toBe(0)
      clock.advanceSync(Math.ceil(limits.take(name, rate)))
    }
  })

  it('fills up, and no further', () => {
    const name = fresh()
    const rate = { requestsPerSecond: 10, burst: 5 }
    takeAll(name, rate)
    clock.advanceSync(200)
    expect(takeAll(name, rate)).toBe(2)
    clock.advanceSync(3_600_000)
    expect(takeAll(name, rate)).toBe(5)
  })

  it('takes nothing for who finds it empty', () => {
    const name = fresh()
    const rate = { requestsPerSecond: 1, burst: 1 }
    limits.take(name, rate)
    for (let times = 0; times < 50; times += 1) limits.take(name, rate)
    clock.advanceSync(1_000)
    expect(limits.take(name, rate)).toBe(0)
  })

  it('never gives more than burst and rate allow, nor less to who asks often enough', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.2, max: 50, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }),
        (requestsPerSecond, burst, pauses) => {
          const name = fresh()
          let [sinceMs, taken] = [0, 0]
          for (const pauseMs of pauses) {
            clock.advanceSync(pauseMs)
            sinceMs += pauseMs
            const refused = limits.take(name, { requestsPerSecond, burst })
            if (refused === 0) taken += 1
            expect(taken).toBeLessThanOrEqual(burst + (sinceMs * requestsPerSecond) / 1_000 + 1e-3)
            // A refusal says that everything is taken, but for a part of a token.
            if (refused > 0) expect(taken).toBeGreaterThanOrEqual(burst)
          }
        },
      ),
    )
  })
})

it('forgets full buckets as new ones come', () => {
  const clock = manualClock()
  const limits = new RateLimits(clock)
  const rate = { requestsPerSecond: 1, burst: 10 }
  for (let index = 0; index < 1_000; index += 1) limits.take(`old ${index}`, rate)
  expect(limits.size).toBe(1_000)
  clock.advanceSync(1_000)
  for (let index = 0; index < 1_000; index += 1) limits.take(`new ${index}`, rate)
  expect(limits.size).toBe(1_000)
  clock.advanceSync(1_000)
  limits.take('last', rate)
  expect(limits.size).toBe(999)
})

it('forgets no bucket that is not full', () => {
  const clock = manualClock()
  const limits = new RateLimits(clock)
  const rate = { requestsPerSecond: 1, burst: 1 }
  for (let index = 0; index < 100; index += 1) {
    limits.take(`${index}`, { requestsPerSecond: 0.1, burst: 1 })
    clock.advanceSync(10)
  }
  for (let index = 0; index < 100; index += 1) {
    expect(limits.take(`${index}`, rate)).toBeGreaterThan(0)
  }
})

describe('assertRate()', () => {
  const rate = { requestsPerSecond: 1, burst: 1 }
  const emptied = (): RateLimits => {
    const limits = new RateLimits(manualClock())
    assertRate(limits, rate, 'a', undefined)
    return limits
  }

  it('tells which limit, whose, and when to come again', () => {
    const limits = emptied()
    const error = thrownBy(() => assertRate(limits, rate, 'a', undefined)) as RateLimitedError
    expect(error).toBeInstanceOf(RateLimitedError)
    expect(error).toMatchObject({
      code: 'ALCOVE_RATE_LIMITED',
      status: 429,
      limit: 'rateLimit',
      whose: 'environment',
      id: 'a',
      owner: undefined,
    })
    expect(error.retryAfterMs).toBeCloseTo(1_000, 1)
    expect(error.message).toMatch(/^Environment "a" gets at most 1 requests a second/)
  })

  it('tells an owner the same, of all of theirs', () => {
    const limits = emptied()
    assertRate(limits, rate, 'b', 'ann')
    const error = thrownBy(() => assertRate(limits, rate, 'c', 'ann'))
    expect(error).toMatchObject({ limit: 'ownerRateLimit', whose: 'owner', owner: 'ann', id: 'c' })
    expect(() => assertRate(limits, rate, 'c', 'bob')).not.toThrow()
  })

  it('has a bucket for each environment, and none of them for an owner of that name', () => {
    const limits = emptied()
    expect(() => assertRate(limits, rate, 'b', undefined)).not.toThrow()
    expect(() => assertRate(limits, rate, 'c', 'a')).not.toThrow()
    expect(() => assertRate(limits, rate, 'c', 'environment a')).not.toThrow()
    expect(() => assertRate(limits, rate, 'a', undefined)).toThrow(RateLimitedError)
  })
})

describe('the rates of an admission', () => {
  it('are those of the environment and of its owner', () => {
    const scene = new AdmissionScene({
      rateLimit: { requestsPerSecond: 1, burst: 2 },
      ownerRateLimit: { requestsPerSecond: 1, burst: 3 },
    })
    const { admission } = scene
    expect(admission.limitsOwners).toBe(true)
    const [a, b] = [admission.arrive('a'), admission.arrive('b')]
    for (const line of [a, a, b, b]) admission.assertRate(line)
    expect(thrownBy(() => admission.assertRate(a))).toMatchObject({ limit: 'rateLimit', id: 'a' })
    for (const line of [a, b, b]) admission.assertOwnerRate(line, 'ann')
    expect(thrownBy(() => admission.assertOwnerRate(a, 'ann'))).toMatchObject({
      limit: 'ownerRateLimit',
      owner: 'ann',
      id: 'a',
    })
    admission.assertOwnerRate(a, 'bob')
  })

  it('are none without the options', () => {
    const { admission } = new AdmissionScene()
    const line = admission.arrive('a')
    expect(admission.limitsOwners).toBe(false)
    for (let times = 0; times < 1_000; times += 1) {
      admission.assertRate(line)
      admission.assertOwnerRate(line, 'ann')
    }
  })
})
