import { describe, expect, it, test } from 'vitest'
import { cgroupWeight, groupWeight, inRange, niceFor, weightOf } from './weights.js'

test('a nice value weighs what the kernel says', () => {
  expect([-20, -1, 0, 1, 10, 19].map(weightOf)).toEqual([88_761, 1_277, 1_024, 820, 110, 15])
  expect([-21, 20].map(weightOf)).toEqual([88_761, 15])
})

describe('the group of all environments', () => {
  it.each([0.01, 0.2, 0.5, 0.9])('gets less than %d beside one thread', (share) => {
    const weight = groupWeight(share, 1024)
    expect(weight / (weight + 1024)).toBeLessThan(share)
    expect(weight / (weight + 1024)).toBeGreaterThan(share * 0.7)
  })

  it('weighs less beside a gateway that is nice itself', () => {
    const weight = groupWeight(0.2, weightOf(10))
    expect(weight / (weight + weightOf(10))).toBeCloseTo(0.16)
  })

  it('weighs the same in both units', () => {
    expect(cgroupWeight(1024)).toBe(100)
    expect(cgroupWeight(groupWeight(0.2, 1024))).toBeCloseTo(groupWeight(0.2, 100))
  })
})

describe('the nice value of a session', () => {
  it.each([1, 2, 4, 7, 13])('lets %d of them get no more than a fifth together', (sessions) => {
    const all = sessions * weightOf(niceFor(0.2, 1024, sessions))
    expect(all / (all + 1024)).toBeLessThan(0.2)
  })

  it('is no higher than it has to be', () => {
    expect([1, 4, 13].map((sessions) => niceFor(0.2, 1024, sessions))).toEqual([8, 14, 19])
    expect(niceFor(0.9, 1024, 1)).toBe(0)
  })

  it('is the last one where no value is enough', () => {
    expect(niceFor(0.2, 1024, 1000)).toBe(19)
  })
})

it('what the kernel takes is whole and within its bounds', () => {
  expect([inRange(19.9, 2, 100), inRange(0.3, 2, 100), inRange(1e9, 2, 100)]).toEqual([19, 2, 100])
})
