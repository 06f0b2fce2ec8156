import { describe, expect, it } from 'vitest'
import { ClosedError } from '../errors.js'
import { Refusals } from './refusals.js'
import { lineOf } from './test-support/admission-scene.js'
import { queueFull, tooManyStreams } from './turned-away.js'

describe('the delay of refusals', () => {
  const delays = (refusals: Refusals, line = lineOf('a'), times = 1, nowMs = 0): number[] =>
    Array.from({ length: times }, () => refusals.delayMs(line, nowMs))

  it('is none for the first 50, and 10 ms more for each after them', () => {
    const all = delays(new Refusals(), lineOf('a'), 54)
    expect(all.slice(0, 50)).toEqual(Array(50).fill(0))
    expect(all.slice(50)).toEqual([10, 20, 30, 40])
  })

  it('is told from now on, whatever the clock begins with', () => {
    const all = delays(new Refusals(), lineOf('a'), 52, 1_000_000)
    expect(all.slice(49)).toEqual([0, 10, 20])
  })

  it('lets 100 a second pass', () => {
    const refusals = new Refusals()
    const line = lineOf('a')
    for (let second = 0; second < 5; second += 1) {
      const leaveMs = delays(refusals, line, 100, second * 1_000).map((ms) => second * 1_000 + ms)
      // 50 at once, and from then on what a hundred a second makes of it.
      expect(leaveMs.at(-1)).toBe(second * 1_000 + 500)
    }
  })

  it('is none again after a pause', () => {
    const refusals = new Refusals()
    const line = lineOf('a')
    expect(delays(refusals, line, 60).at(-1)).toBe(100)
    expect(delays(refusals, line, 1, 100)).toEqual([10])
    expect(delays(refusals, line, 51, 700).slice(-2)).toEqual([0, 10])
  })

  it('is 5 s at the most, however many there were, and of whomever', () => {
    const refusals = new Refusals()
    const line = lineOf('a')
    expect(delays(refusals, line, 10_000).at(-1)).toBe(5_000)
    expect(delays(refusals, line, 1, 4_990)).toEqual([10])
    expect(delays(refusals, line, 1, 60_000)).toEqual([0])
  })

  it('is of one environment', () => {
    const refusals = new Refusals()
    delays(refusals, lineOf('loud'), 1_000)
    expect(delays(refusals, lineOf('quiet'))).toEqual([0])
  })
})

describe('the counts of refusals', () => {
  it('are by the codes of their errors', () => {
    const refusals = new Refusals()
    expect(refusals.counts).toEqual({})
    refusals.count(queueFull(lineOf('a')))
    refusals.count(queueFull(lineOf('b')))
    refusals.count(tooManyStreams(lineOf('a')))
    refusals.count(new ClosedError())
    expect(refusals.counts).toEqual({
      ALCOVE_QUEUE_FULL: 2,
      ALCOVE_STREAM_LIMIT: 1,
      ALCOVE_CLOSED: 1,
    })
  })

  it('have an error once, though it is told both where a body is cut and where it is answered', () => {
    const refusals = new Refusals()
    const error = tooManyStreams(lineOf('a'))
    refusals.count(error)
    refusals.count(error)
    expect(refusals.counts).toEqual({ ALCOVE_STREAM_LIMIT: 1 })
  })
})
