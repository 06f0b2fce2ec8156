import { expect, it } from 'vitest'
import { AdmissionScene, staying } from './test-support/admission-scene.js'
import { queueFull } from './turned-away.js'

const nothing = {
  loopLagMs: 0,
  loopUtilisation: 0,
  overloaded: false,
  held: 0,
  heldBytes: 0,
  admitted: 0,
  refused: {},
  environments: [],
}

it('a report of nothing has nothing in it', () => {
  expect(new AdmissionScene().admission.report()).toEqual(nothing)
})

it('a report has what works, streams, waits and was turned away, of each environment', () => {
  const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 1 })
  const { admission } = scene
  scene.ask('a', { streams: true })
  const { line } = scene.ask('a')
  scene.ask('a', { bytes: 10 })
  scene.ask('a', { streams: true, bytes: 20 })
  const b = admission.arrive('b')
  admission.waitForStart(b, 30, staying)
  expect(admission.refused(line, queueFull(line))).toBe(0)
  expect(admission.report()).toEqual({
    ...nothing,
    held: 3,
    heldBytes: 60,
    admitted: 2,
    refused: { ALCOVE_QUEUE_FULL: 1 },
    environments: [
      { id: 'a', inFlight: 1, streams: 1, queued: 2, waiting: 0, places: 1, squeezed: false },
      { id: 'b', inFlight: 0, streams: 0, queued: 0, waiting: 1, places: 1, squeezed: false },
    ],
  })
})

it('a report has the load of the loop, half of it that of before', () => {
  const scene = new AdmissionScene()
  scene.passBy('a', 60)
  scene.sample(100, 0.25)
  expect(scene.admission.report()).toMatchObject({ loopLagMs: 50, loopUtilisation: 0.25 })
  scene.passBy('a', 60)
  scene.sample(300, 0.75)
  expect(scene.admission.report()).toMatchObject({
    loopLagMs: 175,
    loopUtilisation: 0.75,
    overloaded: true,
    environments: [{ id: 'a', squeezed: true }],
  })
})

it('a report after all is over has no load, though the last sample found one', () => {
  const scene = new AdmissionScene()
  for (let times = 0; times < 3; times += 1) {
    scene.passBy('a', 1)
    scene.sample(300)
  }
  expect(scene.admission.report()).toMatchObject({ overloaded: true })
  scene.sample(300)
  expect(scene.loopClock.pendingTimers).toBe(0)
  expect(scene.admission.report()).toEqual(nothing)
})

it('a report goes on counting what was let in, and turned away', async () => {
  const scene = new AdmissionScene({ maxInFlight: 1 })
  for (const visit of scene.askTimes(3, 'a')) {
    await scene.pass()
    visit.end()
  }
  for (let samples = 0; samples < 3; samples += 1) scene.sample()
  scene.ask('a').end()
  expect(scene.admission.report()).toMatchObject({ admitted: 4, held: 0 })
})

it('a refusal is held back after the first 50 of its environment, by the clock', async () => {
  const scene = new AdmissionScene()
  const { line } = scene.ask('a')
  const refuse = (): number => scene.admission.refused(line, queueFull(line))
  const delays = Array.from({ length: 52 }, refuse)
  expect(delays.slice(49)).toEqual([0, 10, 20])
  await scene.pass(20)
  expect(refuse()).toBe(10)
  expect(scene.admission.report().refused).toEqual({ ALCOVE_QUEUE_FULL: 53 })
})
