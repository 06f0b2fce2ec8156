import { describe, expect, it } from 'vitest'
import { ClosedError } from '../errors.js'
import { OverloadedError, QueueFullError, QueueTimeoutError } from '../limit-errors.js'
import { AdmissionScene, thrownBy, staying } from './test-support/admission-scene.js'

const none = Number.POSITIVE_INFINITY

describe('maxInFlight', () => {
  it('is for each environment, and the next waits', async () => {
    const scene = new AdmissionScene({ maxInFlight: 2 })
    scene.askTimes(3, 'a')
    scene.askTimes(2, 'b')
    await scene.pass()
    expect(scene.letIn).toEqual(['a', 'a', 'b', 'b'])
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 2, queued: 1 })
    expect(scene.loadOf('b')).toMatchObject({ inFlight: 2, queued: 0 })
  })

  it('lets in who came first, when one is over', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const visits = ['1', '2', '3', '4'].map((name) => scene.ask('a', { name }))
    for (const [index, visit] of visits.entries()) {
      await scene.pass()
      expect(scene.letIn).toEqual(['1', '2', '3', '4'].slice(0, index + 1))
      visit.end()
    }
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('lets nobody pass who comes later', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const first = scene.ask('a', { name: '1' })
    scene.ask('a', { name: '2' })
    first.end()
    scene.ask('a', { name: '3' })
    await scene.pass()
    expect(scene.letIn).toEqual(['1', '2'])
  })

  it('has a place back once, however often it is released', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const first = scene.ask('a')
    scene.askTimes(2, 'a')
    first.place?.release()
    first.place?.release()
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, queued: 1 })
  })

  it('is no limit where it is Infinity', async () => {
    const scene = new AdmissionScene({ maxInFlight: none })
    scene.askTimes(500, 'a')
    for (let turns = 0; turns < 20; turns += 1) {
      await scene.turn()
    }
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 500, queued: 0 })
  })

  it('is passed on to the next turn of the loop where this one has had its 32', async () => {
    const scene = new AdmissionScene({ maxInFlight: none })
    scene.askTimes(40, 'a')
    scene.ask('b')
    await scene.pass()
    expect(scene.letIn).toEqual([...Array<string>(32).fill('a'), 'b'])
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 32, queued: 8 })
    await scene.turn()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 40, queued: 0 })
  })

  it('lets nobody pass those who wait for the next turn, either', async () => {
    const scene = new AdmissionScene({
      maxInFlight: none,
      limitsFor: ({ id }) => ({ weight: id === 'a' ? 0.1 : 100 }),
    })
    scene.askTimes(33, 'a')
    scene.askTimes(100, 'b')
    await scene.turn()
    // This turn was all of b, and a has had none in it.
    expect(scene.letIn.slice(33)).toEqual(Array(32).fill('b'))
    const late = scene.ask('a')
    expect([late.place, scene.loadOf('a')?.queued]).toEqual([undefined, 2])
  })
})

describe('maxQueued', () => {
  it('bounds the line of each environment', () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxQueued: 2 })
    scene.askTimes(3, 'a')
    const { error } = scene.ask('a')
    expect(error).toBeInstanceOf(QueueFullError)
    expect(error).toMatchObject({ limit: 'maxQueued', whose: 'environment', id: 'a' })
    expect(scene.askTimes(3, 'b').every((visit) => visit.error === undefined)).toBe(true)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, queued: 2 })
  })

  it('has a place back when a client leaves, and those behind move up', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxQueued: 2 })
    const first = scene.ask('a', { name: '1' })
    const second = scene.ask('a', { name: '2', bytes: 10 })
    scene.ask('a', { name: '3', bytes: 5 })
    second.end()
    second.waiter?.leave()
    expect(scene.admission.report()).toMatchObject({ held: 1, heldBytes: 5 })
    expect(scene.ask('a', { name: '4' }).error).toBeUndefined()
    first.end()
    await scene.pass()
    expect(scene.letIn).toEqual(['1', '3'])
  })

  it('0: nobody waits', () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('a')
    expect(scene.ask('a').error).toBeInstanceOf(QueueFullError)
  })

  it('Infinity: as many as memory has room for', () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxQueued: none, maxHeld: 2_000 })
    const visits = scene.askTimes(2_001, 'a')
    expect(visits.every(({ error }) => error === undefined)).toBe(true)
    expect(scene.ask('a').error).toBeInstanceOf(OverloadedError)
  })
})

describe('queueTimeoutMs', () => {
  it('turns away exactly then, and those behind when it is their time', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, queueTimeoutMs: 1_000 })
    scene.ask('a')
    const early = scene.ask('a')
    await scene.pass(400)
    const late = scene.ask('a')
    await scene.pass(599)
    expect([early.error, late.error]).toEqual([undefined, undefined])
    await scene.pass(1)
    expect(early.error).toBeInstanceOf(QueueTimeoutError)
    expect(early.error).toMatchObject({ limit: 'queueTimeoutMs', whose: 'environment', id: 'a' })
    await scene.pass(399)
    expect(late.error).toBeUndefined()
    await scene.pass(1)
    expect(late.error).toBeInstanceOf(QueueTimeoutError)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, queued: 0 })
    expect(scene.admission.report().held).toBe(0)
  })

  it('turns away nobody who is let in before, nor who follows them', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, queueTimeoutMs: 1_000 })
    const first = scene.ask('a')
    const second = scene.ask('a')
    await scene.pass(500)
    first.end()
    const third = scene.ask('a')
    await scene.pass(999)
    expect([second.place, third.error]).toEqual([expect.anything(), undefined])
    await scene.pass(1)
    expect(third.error).toBeInstanceOf(QueueTimeoutError)
  })

  it('counts from when each came, in the line of uploads too', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 1, queueTimeoutMs: 1_000 })
    scene.ask('a')
    scene.ask('a', { streams: true })
    const upload = scene.ask('a', { streams: true })
    await scene.pass(300)
    const request = scene.ask('a')
    await scene.pass(699)
    expect(upload.error).toBeUndefined()
    await scene.pass(1)
    expect(upload.error).toBeInstanceOf(QueueTimeoutError)
    await scene.pass(299)
    expect(request.error).toBeUndefined()
    await scene.pass(1)
    expect(request.error).toBeInstanceOf(QueueTimeoutError)
  })

  it('has one timer for all who wait, and none once nobody does', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, queueTimeoutMs: 1_000 })
    scene.askTimes(10, 'a')
    expect(scene.clock.pendingTimers).toBe(1)
    await scene.pass(1_000)
    expect(scene.clock.pendingTimers).toBe(0)
    const later = scene.ask('a')
    await scene.pass(1_000)
    expect(later.error).toBeInstanceOf(QueueTimeoutError)
  })

  it('is of each environment', async () => {
    const scene = new AdmissionScene({
      maxInFlight: 1,
      limitsFor: ({ id }) => ({ queueTimeoutMs: id === 'a' ? 100 : 200 }),
    })
    const [, a] = scene.askTimes(2, 'a')
    const [, b] = scene.askTimes(2, 'b')
    await scene.pass(100)
    expect([a?.error?.code, b?.error?.code]).toEqual(['ALCOVE_QUEUE_TIMEOUT', undefined])
    await scene.pass(100)
    expect(b?.error?.code).toBe('ALCOVE_QUEUE_TIMEOUT')
  })

  it('Infinity: whoever waits stays, without a timer', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, queueTimeoutMs: none })
    const [first, second] = scene.askTimes(2, 'a')
    expect(scene.clock.pendingTimers).toBe(0)
    await scene.pass(1e9)
    expect(second?.error).toBeUndefined()
    first?.end()
    await scene.pass()
    expect(second?.place).toBeDefined()
  })
})

describe('memory', () => {
  it('goes to the environment that has fewer waiting', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxHeld: 3 })
    const loud = scene.askTimes(4, 'loud')
    const quiet = scene.askTimes(2, 'quiet')
    await scene.pass()
    expect(loud.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      undefined,
      'ALCOVE_OVERLOADED',
    ])
    expect(quiet.map(({ error }) => error)).toEqual([undefined, undefined])
    expect(scene.loadOf('loud')).toMatchObject({ queued: 2 })
  })

  it('is shared with those who wait for a start, and for their refusal', () => {
    const { admission } = new AdmissionScene({ maxHeld: 3, maxWaiting: 1 })
    const line = admission.arrive('a')
    const start = admission.waitForStart(line, 5, staying)
    expect(() => admission.waitForStart(line, 0, staying)).toThrow(QueueFullError)
    expect(admission.report().environments).toMatchObject([{ waiting: 1, queued: 0 }])
    admission.hold(line, 7, staying)
    admission.hold(line, 0, staying)
    expect(admission.report()).toMatchObject({ held: 3, heldBytes: 12 })
    expect(() => admission.hold(line, 0, staying)).toThrow(OverloadedError)
    start.release()
    expect(admission.report()).toMatchObject({ held: 2, heldBytes: 7 })
  })
})

const nobody = { admitted() {}, turnedAway() {} }

describe('close()', () => {
  it('turns away all who wait, in each line', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 1 })
    const working = [scene.ask('a', { streams: true }), scene.ask('a'), scene.ask('b')]
    const waiting = [scene.ask('a'), scene.ask('b'), scene.ask('a', { streams: true })]
    scene.admission.close()
    scene.admission.close()
    await scene.pass()
    for (const { error } of waiting) expect(error).toBeInstanceOf(ClosedError)
    for (const visit of working) visit.end()
    expect(
      thrownBy(() => scene.admission.queue(waiting[0]!.line, false, 0, nobody)),
    ).toBeInstanceOf(ClosedError)
    expect(scene.admission.report()).toMatchObject({ held: 0, admitted: 3 })
  })

  it('leaves no timer, and nothing sets one after it', () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const visit = scene.ask('a')
    visit.open()
    scene.ask('a')
    expect([scene.clock.pendingTimers, scene.loopClock.pendingTimers]).toEqual([2, 1])
    scene.admission.close()
    expect([scene.clock.pendingTimers, scene.loopClock.pendingTimers]).toEqual([0, 0])
    visit.end()
    expect(scene.ask('a').error).toBeInstanceOf(ClosedError)
    expect([scene.clock.pendingTimers, scene.loopClock.pendingTimers]).toEqual([0, 0])
  })

  it('sets none either where there was nothing to do', () => {
    const scene = new AdmissionScene()
    scene.admission.close()
    expect(scene.ask('a').error).toBeInstanceOf(ClosedError)
    expect([scene.clock.pendingTimers, scene.loopClock.pendingTimers]).toEqual([0, 0])
  })
})
