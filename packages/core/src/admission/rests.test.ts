import { describe, expect, it } from 'vitest'
import { Resting } from './rests.js'
import { AdmissionScene } from './test-support/admission-scene.js'

/** A flood of one environment whose line is as long as given, and clients that have their answers. */
class Flood {
  readonly scene = new AdmissionScene({ maxInFlight: 1, queueTimeoutMs: 60_000 })
  readonly #visits
  readonly read: string[] = []

  constructor(inLine: number, id = 'a') {
    this.#visits = this.scene.askTimes(1 + inLine, id)
  }

  /** A client has its answer. @returns whether its connection rests */
  answered(name: string, id = 'a'): boolean {
    const line = this.scene.admission.arrive(id)
    const { admission } = this.scene
    const rests = admission.mayRest(line)
    if (rests) admission.rest(line, new Resting(() => void this.read.push(name)))
    admission.depart(line)
    return rests
  }

  /** All who are in line leave, and the one that works is over. */
  leave(): void {
    for (const visit of this.#visits.toReversed()) visit.end()
  }

  /** The first in line has its turn, and the one before it is over. */
  async serve(times = 1): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      this.#visits.shift()?.end()
      await this.scene.turn()
    }
  }
}

describe('a connection whose client has its answer', () => {
  it('is read on where fewer than 256 are in line', () => {
    const flood = new Flood(255)
    expect(flood.answered('one')).toBe(false)
    expect(flood.read).toEqual([])
  })

  it('rests where 256 are in line, and behind others that rest', async () => {
    const flood = new Flood(256)
    expect(flood.answered('one')).toBe(true)
    await flood.serve()
    expect(flood.answered('two')).toBe(true)
    expect(flood.read).toEqual([])
  })

  it('is read on for another environment', () => {
    const flood = new Flood(256)
    expect(flood.answered('quiet one', 'b')).toBe(false)
  })

  it('is read on where the gateway is closed', () => {
    const flood = new Flood(256)
    flood.scene.admission.close()
    expect(flood.answered('one')).toBe(false)
  })
})

describe('connections that rest', () => {
  it('are read one for one that leaves the line once fewer than 64 are in it, the first first', async () => {
    const flood = new Flood(256)
    for (const name of ['one', 'two', 'three']) flood.answered(name)
    await flood.serve(256 - 64)
    expect(flood.read).toEqual([])
    await flood.serve()
    expect(flood.read).toEqual(['one'])
    await flood.serve()
    expect(flood.read).toEqual(['one', 'two'])
  })

  it('are read two at a time where fewer than 32 are in line', async () => {
    const flood = new Flood(256)
    const names = Array.from({ length: 50 }, (_, index) => `client ${index}`)
    for (const name of names) flood.answered(name)
    await flood.serve(256 - 32)
    expect(flood.read).toEqual(names.slice(0, 32))
    await flood.serve()
    expect(flood.read).toEqual(names.slice(0, 34))
  })

  it('are read with the third look at the load, however many are in line', () => {
    const flood = new Flood(256)
    flood.answered('one')
    flood.scene.sample()
    flood.answered('two')
    flood.scene.sample()
    expect(flood.read).toEqual([])
    flood.scene.sample()
    expect(flood.read).toEqual(['one'])
    flood.scene.sample()
    expect(flood.read).toEqual(['one', 'two'])
  })

  it('are all read with a look at the load where nothing of their environment is on its way', () => {
    const flood = new Flood(256)
    for (let client = 0; client < 200; client += 1) flood.answered(`client ${client}`)
    flood.leave()
    expect(flood.read).toHaveLength(98)
    flood.scene.sample()
    expect(flood.read).toHaveLength(200)
  })

  it('are all read once the gateway closes', () => {
    const flood = new Flood(256)
    for (let client = 0; client < 200; client += 1) flood.answered(`client ${client}`)
    flood.scene.admission.close()
    expect(flood.read).toHaveLength(200)
  })
})

describe('an environment with more places', () => {
  it('has as many in line as it has places before anything rests', async () => {
    const scene = new AdmissionScene({ maxInFlight: 300 })
    scene.askTimes(300, 'a')
    while (scene.loadOf('a')?.inFlight !== 300) {
      await scene.turn()
    }
    scene.askTimes(299, 'a')
    const line = scene.admission.arrive('a')
    expect(scene.admission.mayRest(line)).toBe(false)
    scene.ask('a')
    expect(scene.admission.mayRest(line)).toBe(true)
  })
})
