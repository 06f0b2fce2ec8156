import { describe, expect, it } from 'vitest'
import { OverloadedError } from '../limit-errors.js'
import type { AdmissionOptions } from './options.js'
import { AdmissionScene, thrownBy } from './test-support/admission-scene.js'

/** So many ask in each of some samples; who is squeezed to how many places after each: `a8`. */
function squeezes(
  options: AdmissionOptions,
  asks: Readonly<Record<string, number>>,
  lagsMs: readonly number[],
  utilisation = 1,
): string[] {
  const scene = new AdmissionScene(options)
  return lagsMs.map((lagMs) => {
    const lines = Object.entries(asks).map(([id, times]) => scene.passBy(id, times))
    scene.sample(lagMs, utilisation)
    return lines
      .filter(({ squeezed }) => squeezed)
      .map(({ id, cap }) => `${id}${cap}`)
      .join(' ')
  })
}

const late = (samples: number): number[] => Array<number>(samples).fill(300)

describe('while the loop is late', () => {
  it('who asks for most is halved with each sample, down to one place', () => {
    expect(squeezes({}, { a: 60, b: 20 }, late(7))).toEqual([
      '',
      'a8',
      'a4',
      'a2',
      'a1',
      'a1',
      'a1',
    ])
  })

  it('who asks for less than its share never is, though the other has nothing to give', () => {
    const all = squeezes({ maxInFlight: 2 }, { a: 200, b: 99, c: 12 }, late(10))
    expect(all.at(-1)).toBe('a1')
  })

  it('the next is, that asks for more than its share', () => {
    const all = squeezes({ maxInFlight: 4 }, { a: 200, b: 120, c: 12 }, late(6))
    expect(all).toEqual(['', 'a2', 'a1', 'a1 b2', 'a1 b1', 'a1 b1'])
  })

  it.each([
    [9, ''],
    [10, 'a8'],
  ])('of %i requests in a sample comes %j', (asked, squeezed) => {
    expect(squeezes({}, { a: asked }, late(2)).at(-1)).toBe(squeezed)
  })

  it('what is asked is taken by weight', () => {
    const options: AdmissionOptions = { limitsFor: ({ id }) => ({ weight: id === 'a' ? 4 : 1 }) }
    expect(squeezes(options, { a: 80, b: 30 }, late(2)).at(-1)).toBe('b8')
    expect(squeezes(options, { a: 160, b: 30 }, late(2)).at(-1)).toBe('a8')
  })

  it('a share is taken by weight, too', () => {
    const options: AdmissionOptions = { limitsFor: ({ id }) => ({ weight: id === 'a' ? 4 : 1 }) }
    // A fifth of all is 21; half of all would shield both.
    expect(squeezes(options, { a: 80, b: 25 }, late(2)).at(-1)).toBe('b8')
  })

  it('one that asks for little shields nobody by its small weight', () => {
    const options: AdmissionOptions = { limitsFor: ({ id }) => ({ weight: id === 'a' ? 0.1 : 1 }) }
    expect(squeezes(options, { a: 3, b: 60 }, late(2)).at(-1)).toBe('b8')
  })

  it('the first squeeze begins at 64 where there is no limit', () => {
    const options = { maxInFlight: Number.POSITIVE_INFINITY }
    expect(squeezes(options, { a: 60 }, late(3))).toEqual(['', 'a32', 'a16'])
  })

  it('one that had one place only has no line', () => {
    expect(squeezes({ maxInFlight: 1 }, { a: 60 }, late(2))).toEqual(['', 'a1'])
  })
})

describe('no overload', () => {
  it.each([201, 1_000, 60_000])('is one sample that is late by %i ms', (lagMs) => {
    expect(squeezes({}, { a: 60 }, [0, lagMs, 0, 0, 0]).join('')).toBe('')
    expect(squeezes({}, { a: 60 }, [20, lagMs, 20, 20, 20]).join('')).toBe('')
  })

  it('is a loop that is late by maxLoopLagMs, and no more', () => {
    expect(squeezes({ maxLoopLagMs: 50 }, { a: 60 }, Array(20).fill(50)).join('')).toBe('')
    expect(squeezes({ maxLoopLagMs: 50 }, { a: 60 }, [50, 75])).toEqual(['', ''])
    expect(squeezes({ maxLoopLagMs: 50 }, { a: 60 }, [50, 76])).toEqual(['', 'a8'])
    expect(squeezes({ maxLoopLagMs: 50 }, { a: 60 }, Array(20).fill(55)).at(-1)).toBe('a1')
  })

  it('is a process that stood still', () => {
    expect(squeezes({}, { a: 60 }, late(5), 0.49).join('')).toBe('')
    expect(squeezes({}, { a: 60 }, late(2), 0.5).at(-1)).toBe('a8')
  })

  it('is any where maxLoopLagMs is Infinity', () => {
    const options = { maxLoopLagMs: Number.POSITIVE_INFINITY }
    expect(squeezes(options, { a: 60 }, [1e9, 1e9, 1e9]).join('')).toBe('')
  })
})

describe('a squeezed environment', () => {
  /** Of 4 places it has one. */
  const squeezed = (): { scene: AdmissionScene } => {
    const scene = new AdmissionScene({ maxInFlight: 4 })
    for (const lagMs of late(3)) {
      scene.passBy('a', 60)
      scene.sample(lagMs)
    }
    expect(scene.loadOf('a')).toMatchObject({ squeezed: true, inFlight: 0 })
    return { scene }
  }

  it('is refused what goes beyond its places, and a place in line', () => {
    const { scene } = squeezed()
    const visit = scene.ask('a')
    expect(visit.place).toBeDefined()
    const error = thrownBy(() => scene.admission.assertNotOverloaded(visit.line))
    expect(error).toBeInstanceOf(OverloadedError)
    expect(error).toMatchObject({ limit: 'maxLoopLagMs', whose: 'gateway', id: 'a' })
    expect(scene.ask('a').error).toBeInstanceOf(OverloadedError)
    expect(scene.askTimes(3, 'b').map((other) => other.error)).toEqual(Array(3).fill(undefined))
    visit.end()
    expect(() => scene.admission.assertNotOverloaded(visit.line)).not.toThrow()
  })

  it('keeps who is let in already, and those who wait wait on', async () => {
    const scene = new AdmissionScene({ maxInFlight: 4, queueTimeoutMs: 60_000 })
    const visits = scene.askTimes(14, 'a')
    scene.sample(300)
    scene.passBy('a', 60)
    scene.sample(300)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 4, queued: 10, squeezed: true })
    for (const visit of visits.slice(0, 3)) visit.end()
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 2, queued: 9 })
  })

  it('has its places back step by step, and those who wait are let in', async () => {
    const scene = new AdmissionScene({ maxInFlight: 4, queueTimeoutMs: 60_000 })
    const visits = scene.askTimes(14, 'a')
    for (const lagMs of [...late(1), ...late(2)]) {
      scene.passBy('a', 60)
      scene.sample(lagMs)
    }
    for (const visit of visits.slice(0, 4)) visit.end()
    await scene.pass()
    const inFlight = [scene.loadOf('a')?.inFlight]
    for (let samples = 0; samples < 5; samples += 1) {
      scene.sample(0)
      inFlight.push(scene.loadOf('a')?.inFlight)
    }
    // The mean of 262 halves: 131 is late still.
    expect(inFlight).toEqual([1, 1, 2, 3, 4, 4])
    expect(scene.loadOf('a')).toMatchObject({ squeezed: false, queued: 6 })
  })

  it.each([
    [16, ['a1', 'a3', 'a5', 'a7', 'a9', 'a11', 'a13', 'a15', '']],
    [100, ['a1', 'a9', 'a17', 'a25', 'a33', 'a41', 'a49', 'a57', '']],
    [Number.POSITIVE_INFINITY, ['a1', 'a9', 'a17', 'a25', 'a33', 'a41', 'a49', 'a57', '']],
  ])('of %f places has them back by eighths', (maxInFlight, steps) => {
    const lagsMs = [...late(8), ...Array<number>(10).fill(0)]
    const all = squeezes({ maxInFlight }, { a: 60 }, lagsMs)
    expect(all.slice(all.lastIndexOf('a1')).slice(0, 9)).toEqual(steps)
  })

  it.each([4, 15, Number.POSITIVE_INFINITY])('has all %f in the end', (maxInFlight) => {
    const scene = new AdmissionScene({ maxInFlight })
    const line = scene.passBy('a', 60)
    scene.sample(300)
    scene.passBy('a', 60)
    scene.sample(300)
    for (let samples = 0; samples < 20; samples += 1) scene.sample(0)
    expect([line.cap, line.squeezed]).toEqual([maxInFlight, false])
  })
})

describe('the watch', () => {
  it('looks every 100 ms while something is under way, and has no timer after it', () => {
    const scene = new AdmissionScene()
    expect(scene.loopClock.pendingTimers).toBe(0)
    const visit = scene.ask('a')
    for (let samples = 0; samples < 10; samples += 1) {
      expect(scene.loopClock.nextTimerMs).toBe(100)
      scene.sample(10)
    }
    visit.end()
    scene.sample(10)
    expect(scene.loopClock.pendingTimers).toBe(0)
    expect(scene.meters).toBe(1)
    scene.ask('a')
    expect([scene.loopClock.pendingTimers, scene.meters]).toEqual([1, 2])
  })

  it('lets recover whom it has squeezed before it rests', () => {
    const scene = new AdmissionScene()
    scene.passBy('a', 60)
    scene.sample(300)
    scene.passBy('a', 60)
    scene.sample(300)
    for (let samples = 0; samples < 4; samples += 1) scene.sample(0)
    expect(scene.loadOf('a')?.squeezed).toBe(true)
    expect(scene.loopClock.pendingTimers).toBe(1)
    scene.sample(0)
    expect(scene.loopClock.pendingTimers).toBe(0)
  })

  it('forgets environments that have nothing under way, and asks for their limits anew', () => {
    const asked: string[] = []
    const scene = new AdmissionScene({
      limitsFor: ({ id }) => {
        asked.push(id)
        return undefined
      },
    })
    const [a, b] = [scene.ask('a'), scene.ask('b')]
    a.end()
    scene.sample()
    expect(scene.admission.report().environments.map(({ id }) => id)).toEqual(['a', 'b'])
    scene.sample()
    expect(scene.admission.report().environments.map(({ id }) => id)).toEqual(['b'])
    scene.askTimes(2, 'b')
    scene.askTimes(2, 'a')
    expect(asked).toEqual(['a', 'b', 'a'])
    b.end()
  })

  it('begins without what it had seen before it rested', () => {
    const scene = new AdmissionScene()
    for (let times = 0; times < 3; times += 1) {
      scene.passBy('a', 5)
      scene.sample(10_000)
    }
    scene.sample(10_000)
    expect(scene.loopClock.pendingTimers).toBe(0)
    scene.passBy('a', 60)
    scene.sample(300)
    expect(scene.loadOf('a')?.squeezed).toBe(false)
  })
})
