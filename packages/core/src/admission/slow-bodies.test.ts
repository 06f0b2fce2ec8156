import { describe, expect, it } from 'vitest'
import type { AlcoveError } from '../errors.js'
import { SlowBodyError } from '../limit-errors.js'
import { AdmissionScene, type Body, opened } from './test-support/admission-scene.js'

describe('minBodyBytesPerSecond', () => {
  const rate = { minBodyBytesPerSecond: 100, bodyRateWindowMs: 10_000, streamAfterMs: 1_000 }
  /** Bytes pass, evenly, for a window. */
  const window = async (scene: AdmissionScene, body: Body, bytes: number): Promise<void> => {
    for (let part = 0; part < 40; part += 1) {
      body.bodyBytes += bytes / 40
      await scene.pass(250)
    }
  }

  it('cuts off a client that was slower for all of a window', async () => {
    const scene = new AdmissionScene(rate)
    const { body } = opened(scene, true)
    body.bodyBytes = 999
    await scene.pass(9_999)
    expect(body.error).toBeUndefined()
    await scene.pass(1)
    expect(body.error).toBeInstanceOf(SlowBodyError)
    expect(body.error).toMatchObject({
      limit: 'minBodyBytesPerSecond',
      whose: 'environment',
      id: 'a',
      status: 408,
    })
    expect(scene.admission.report().refused).toEqual({ ALCOVE_SLOW_BODY: 1 })
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 0 })
  })

  it('cuts off an upload, too', async () => {
    const scene = new AdmissionScene(rate)
    const body = scene.ask('a', { streams: true }).open(true)
    await scene.pass(10_000)
    expect(body.error).toBeInstanceOf(SlowBodyError)
  })

  it('is taken window by window: what came before does not count', async () => {
    const scene = new AdmissionScene(rate)
    const { body } = opened(scene, true)
    await window(scene, body, 1_000_000)
    await window(scene, body, 1_000)
    expect(body.error).toBeUndefined()
    await window(scene, body, 960)
    expect(body.error).toBeInstanceOf(SlowBodyError)
  })

  it('asks nothing of a window in which it was the turn of the environment', async () => {
    const scene = new AdmissionScene(rate)
    const { body } = opened(scene, true)
    await scene.pass(5_000)
    body.waitsForClient = false
    await scene.pass(250)
    body.waitsForClient = true
    await scene.pass(14_749)
    expect(body.error).toBeUndefined()
    await scene.pass(1)
    expect(body.error).toBeInstanceOf(SlowBodyError)
  })

  it('asks nothing of a slow environment', async () => {
    const scene = new AdmissionScene(rate)
    const { body } = opened(scene)
    await scene.pass(120_000)
    expect(body.error).toBeUndefined()
  })

  it.each([
    { minBodyBytesPerSecond: 0, bodyRateWindowMs: 10_000 },
    { minBodyBytesPerSecond: 100, bodyRateWindowMs: Number.POSITIVE_INFINITY },
  ])('is none with %o', async (options) => {
    const scene = new AdmissionScene(options)
    const { body } = opened(scene, true)
    await scene.pass(120_000)
    expect(body.error).toBeUndefined()
  })
})

it('a body that was cut off is not cut again, nor counted twice by who answers it', async () => {
  const scene = new AdmissionScene({ bodyRateWindowMs: 1_000 })
  const visit = scene.ask('a')
  const errors: AlcoveError[] = []
  visit.place?.opened({ bodyBytes: 0, waitsForClient: true, cut: (error) => errors.push(error) })
  await scene.pass(10_000)
  expect(errors).toHaveLength(1)
  for (const error of errors) scene.admission.refused(visit.line, error)
  visit.end()
  expect(scene.admission.report().refused).toEqual({ ALCOVE_SLOW_BODY: 1 })
  expect(scene.clock.pendingTimers).toBe(0)
})
