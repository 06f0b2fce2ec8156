import { describe, expect, it } from 'vitest'
import { manualClock } from './manual-clock.js'

describe('manualClock()', () => {
  it('stands still until it is advanced', async () => {
    const clock = manualClock({ nowMs: 5, wallMs: 1_000 })
    expect([clock.nowMs(), clock.wallMs()]).toEqual([5, 1_000])
    await clock.advance(20)
    expect([clock.nowMs(), clock.wallMs()]).toEqual([25, 1_020])
  })

  it('fires timers in the order of their time, those of one time in the order of their setting', () => {
    const clock = manualClock()
    const fired: string[] = []
    for (const [name, ms] of [
      ['c', 30],
      ['a', 10],
      ['b1', 20],
      ['b2', 20],
    ] as const) {
      clock.setTimer(ms, () => fired.push(`${name}@${clock.nowMs()}`))
    }
    clock.advanceSync(29)
    expect(fired).toEqual(['a@10', 'b1@20', 'b2@20'])
    expect([clock.nowMs(), clock.pendingTimers, clock.nextTimerMs]).toEqual([29, 1, 1])
    clock.advanceSync(1)
    expect(fired).toHaveLength(4)
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([0, undefined])
  })

  it('fires timers that timers set, where they fall due', () => {
    const clock = manualClock()
    const firedMs: number[] = []
    const again = (): void => {
      firedMs.push(clock.nowMs())
      clock.setTimer(10, again)
    }
    clock.setTimer(10, again)
    clock.advanceSync(35)
    expect(firedMs).toEqual([10, 20, 30])
  })

  it('lets promises settle before, between and after timers', async () => {
    const clock = manualClock()
    const firedMs: number[] = []
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => clock.setTimer(ms, resolve))
    const work = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
      for (let round = 0; round < 3; round += 1) {
        await sleep(10)
        firedMs.push(clock.nowMs())
      }
    }
    void work()
    await clock.advance(30)
    expect(firedMs).toEqual([10, 20, 30])
  })

  it('does not fire what was cancelled, and counts no timer that never fires', () => {
    const clock = manualClock()
    let fired = 0
    const timer = clock.setTimer(10, () => (fired += 1))
    const twin = clock.setTimer(10, () => twin.cancel())
    clock.setTimer(Number.POSITIVE_INFINITY, () => (fired += 1))
    expect(clock.pendingTimers).toBe(2)
    timer.cancel()
    timer.cancel()
    clock.advanceSync(1e12)
    expect([fired, clock.pendingTimers]).toEqual([0, 0])
  })

  it('fires what is due already with the next advance, by nothing too', () => {
    const clock = manualClock()
    let fired = 0
    clock.setTimer(0, () => (fired += 1))
    clock.setTimer(-5, () => (fired += 1))
    expect(fired).toBe(0)
    clock.advanceSync(0)
    expect([fired, clock.nowMs()]).toEqual([2, 0])
  })

  it('does not go back', async () => {
    const clock = manualClock()
    expect(() => clock.advanceSync(-1)).toThrow(RangeError)
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError)
    expect(() => clock.setTimer(Number.NaN, () => {})).toThrow(RangeError)
  })
})
