import { describe, expect, it } from 'vitest'
import { LimitError } from '../limit-errors.js'
import { AdmissionScene, lineOf, thrownBy, staying } from './test-support/admission-scene.js'
import { overloaded, queueFull, tooManyStreams, tooSlow, waitedTooLong } from './turned-away.js'

describe('whoever is turned away', () => {
  const line = lineOf('a')
  it.each([
    [queueFull(line), 'ALCOVE_QUEUE_FULL', 503, 'maxQueued', 'environment'],
    [waitedTooLong(line), 'ALCOVE_QUEUE_TIMEOUT', 503, 'queueTimeoutMs', 'environment'],
    [overloaded(line), 'ALCOVE_OVERLOADED', 503, 'maxLoopLagMs', 'gateway'],
    [tooSlow(line), 'ALCOVE_SLOW_BODY', 408, 'minBodyBytesPerSecond', 'environment'],
    [tooManyStreams(line), 'ALCOVE_STREAM_LIMIT', 503, 'maxStreams', 'environment'],
  ])('learns the limit and when to come again: %s', (error, code, status, limit, whose) => {
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ code, status, limit, whose, id: 'a' })
    expect(error.retryAfterMs).toBeGreaterThan(0)
    expect(error.message).toContain('"a"')
    expect(error.message).toContain(limit === 'minBodyBytesPerSecond' ? '100 bytes' : limit)
  })

  it('learns it from each limit of an admission', async () => {
    const rateLimit = { requestsPerSecond: 1, burst: 1 }
    const options = { maxInFlight: 1, rateLimit, ownerRateLimit: rateLimit }
    const scene = new AdmissionScene({ ...options, maxHeld: 1, maxWaiting: 0, maxStreams: 0 })
    const { admission } = scene
    const { line: own } = scene.ask('a')
    const waiting = scene.ask('a')
    admission.assertRate(own)
    admission.assertOwnerRate(own, 'ann')
    const errors = [
      thrownBy(() => admission.enterTunnel(own)),
      thrownBy(() => admission.waitForStart(own, 0, staying)),
      thrownBy(() => admission.hold(own, 0, staying)),
      thrownBy(() => admission.assertRate(own)),
      thrownBy(() => admission.assertOwnerRate(own, 'ann')),
    ]
    await scene.pass(10_000)
    errors.push(waiting.error)
    for (const error of errors) {
      expect(error).toBeInstanceOf(LimitError)
      expect(error).toMatchObject({ id: 'a', limit: expect.any(String), whose: expect.any(String) })
      expect((error as LimitError).retryAfterMs).toBeGreaterThan(0)
    }
    expect(errors.map((error) => (error as LimitError).limit)).toEqual([
      'maxStreams',
      'maxWaiting',
      'maxHeld',
      'rateLimit',
      'ownerRateLimit',
      'queueTimeoutMs',
    ])
  })

  it.each([
    ['a second, where nothing is known', 0, 500, 1_000],
    ['a second at the least', 100, 5, 1_000],
    ['as long as the line takes at its present speed', 40, 500, 12_500],
    ['a minute at the most', 1, 500, 60_000],
  ])('is told to come again in %s', (_what, perSecond, waiting, retryAfterMs) => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxQueued: waiting })
    const visits = scene.askTimes(waiting + 1, 'a')
    const own = visits[0]?.line ?? lineOf('a')
    own.servedPerSecond = perSecond
    expect(scene.ask('a').error?.retryAfterMs).toBe(retryAfterMs)
    expect(overloaded(own).retryAfterMs).toBe(retryAfterMs)
    expect(waitedTooLong(own).retryAfterMs).toBe(retryAfterMs)
  })

  it('is told by what was let in of late', () => {
    const scene = new AdmissionScene()
    const [visit] = scene.askTimes(12, 'a')
    scene.sample()
    expect(visit?.line.servedPerSecond).toBe(60)
    scene.askTimes(2, 'a')
    scene.sample()
    expect(visit?.line.servedPerSecond).toBe(40)
  })
})
