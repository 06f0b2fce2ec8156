import { describe, expect, it } from 'vitest'
import { AdmissionScene } from './test-support/admission-scene.js'

/** Some work, and others wait. */
function busy(maxInFlight: number, waiting = 5): AdmissionScene {
  const scene = new AdmissionScene({ maxInFlight, queueTimeoutMs: 60_000 })
  scene.askTimes(maxInFlight + waiting, 'a')
  return scene
}

describe('while the event loop is busy all of its time', () => {
  it.each([
    [16, 8],
    [5, 3],
    [1, 1],
  ])('an environment of %i places, for which some wait, has %i', (maxInFlight, places) => {
    const scene = busy(maxInFlight)
    scene.sample(0, 0.94)
    expect(scene.loadOf('a')).toMatchObject({ places: maxInFlight })
    scene.sample(0, 0.95)
    expect(scene.loadOf('a')).toMatchObject({ places, squeezed: false })
  })

  it('one for which nobody waits has all of them', () => {
    const scene = busy(16, 0)
    scene.sample(0, 1)
    expect(scene.loadOf('a')).toMatchObject({ places: 16, inFlight: 16 })
  })

  it('one without a limit has none', () => {
    const scene = new AdmissionScene({ maxInFlight: Number.POSITIVE_INFINITY })
    scene.askTimes(100, 'a')
    scene.sample(0, 1)
    expect(scene.loadOf('a')).toMatchObject({ places: Number.POSITIVE_INFINITY })
  })

  it('those that are let in stay, and the next comes in once fewer than its places work', async () => {
    const scene = new AdmissionScene({ maxInFlight: 4 })
    const visits = scene.askTimes(6, 'a')
    scene.sample(0, 1)
    visits[0]?.end()
    visits[1]?.end()
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 2, queued: 2 })
    visits[2]?.end()
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 2, queued: 1 })
  })

  it('nobody is refused for it', () => {
    const scene = busy(2)
    scene.sample(0, 1)
    expect(scene.ask('a').error).toBeUndefined()
  })
})

describe('once the event loop rests', () => {
  it('an environment has its places back, and those who wait come in', async () => {
    const scene = new AdmissionScene({ maxInFlight: 4 })
    const visits = scene.askTimes(6, 'a')
    scene.sample(0, 1)
    for (const visit of visits.slice(0, 3)) visit.end()
    await scene.pass()
    scene.sample(0, 0.85)
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ places: 2, inFlight: 2, queued: 1 })
    scene.sample(0, 0.84)
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ places: 4, inFlight: 3, queued: 0 })
  })

  it('one that is squeezed too has no more than that leaves it', () => {
    const scene = busy(16)
    for (let samples = 0; samples < 2; samples += 1) {
      scene.passBy('a', 60)
      scene.sample(400, 1)
    }
    const { places = 0 } = scene.loadOf('a') ?? {}
    expect(places).toBeLessThan(8)
    scene.sample(0, 0.5)
    expect(scene.loadOf('a')?.places).toBeLessThanOrEqual(places + 2)
    for (let samples = 0; samples < 12; samples += 1) scene.sample(0, 0.5)
    expect(scene.loadOf('a')).toMatchObject({ places: 16, squeezed: false })
  })
})
