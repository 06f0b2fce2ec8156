import { describe, expect, it } from 'vitest'
import type { Instance } from '../instance/instance.js'
import { manualClock } from '../testing/manual-clock.js'
import { IdleSchedule } from './idle.js'

/** As much of an instance as its idle time is about. */
class Used {
  readonly leases = new Set<object>()
  state = 'ready'
  idleSinceMs: number | undefined = 0
  readonly postponedUntilMs = 0
  readonly suspendFromMs = 0
  readonly plan = {
    policy: { idleTimeoutMs: Infinity, suspendAfterMs: Infinity, maxLifetimeMs: Infinity },
  }

  constructor(
    readonly id: string,
    private readonly schedule: IdleSchedule,
  ) {
    schedule.ready(this.instance)
  }

  get instance(): Instance {
    return this as unknown as Instance
  }

  take(): void {
    this.leases.add(this)
  }

  release(): void {
    this.leases.clear()
    this.schedule.released(this.instance)
  }
}

function scheduleOf(count: number): { schedule: IdleSchedule; all: Used[] } {
  const listener = { idleTooLong() {}, suspendDue() {}, livedTooLong() {} }
  const schedule = new IdleSchedule(manualClock(), listener)
  return { schedule, all: Array.from({ length: count }, (_, i) => new Used(`env-${i}`, schedule)) }
}

/** Their ids, each taken out as it is found. */
function order(schedule: IdleSchedule): string[] {
  const ids: string[] = []
  for (;;) {
    const found = schedule.longestIdle(({ id }) => !ids.includes(id))
    if (!found) return ids
    ids.push(found.id)
  }
}

describe('the one idle longest', () => {
  it('is the one that was released first', () => {
    const { schedule, all } = scheduleOf(4)
    for (const index of [2, 0, 2, 3]) {
      all[index]?.take()
      all[index]?.release()
    }
    expect(order(schedule)).toEqual(['env-1', 'env-0', 'env-2', 'env-3'])
  })

  it('is none that is in use, and is the last one once it was released', () => {
    const { schedule, all } = scheduleOf(3)
    all[0]?.take()
    expect(order(schedule)).toEqual(['env-1', 'env-2'])
    all[0]?.release()
    expect(order(schedule)).toEqual(['env-1', 'env-2', 'env-0'])
  })

  it('stays the one while it is frozen', () => {
    const { schedule, all } = scheduleOf(2)
    const [first] = all
    first!.state = 'suspended'
    schedule.idle(first!.instance)
    expect(order(schedule)).toEqual(['env-0', 'env-1'])
  })

  it('is none that was removed', () => {
    const { schedule, all } = scheduleOf(2)
    schedule.remove(all[0]!.instance)
    expect(order(schedule)).toEqual(['env-1'])
  })

  it('is found without a look at the others', () => {
    const { schedule } = scheduleOf(1_000)
    let looks = 0
    const isEligible = (): boolean => {
      looks += 1
      return true
    }
    for (let round = 0; round < 3; round += 1) schedule.longestIdle(isEligible)
    expect(looks).toBe(3)
  })
})

it('costs as much to use one of many as one of few', () => {
  const costs = [100, 50_000].map((count) => {
    const { all } = scheduleOf(count)
    const used = all.slice(-8)
    let leastMs = Infinity
    for (let round = 0; round < 6; round += 1) {
      const beganMs = performance.now()
      for (let i = 0; i < 20_000; i += 1) {
        const each = used[i % used.length]
        each?.take()
        each?.release()
      }
      leastMs = Math.min(leastMs, performance.now() - beganMs)
    }
    return leastMs
  })
  const [few = 0, many = 0] = costs
  // Where each use set the key in a Map anew, it was 100 times as much.
  expect(many / few).toBeLessThan(10)
})
