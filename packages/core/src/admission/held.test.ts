import { describe, expect, it } from 'vitest'
import { type LimitError, OverloadedError, QueueFullError } from '../limit-errors.js'
import { type Held, type HeldLimits, HeldRequests } from './held.js'
import type { Line } from './line.js'
import { lineOf, thrownBy, staying } from './test-support/admission-scene.js'

const none = Number.POSITIVE_INFINITY
const noLimits = { maxHeld: none, maxHeldBytes: none, maxWaiting: none, maxWaitingBytes: none }

/** Requests that are held, and those that had to go. */
class Scene {
  readonly requests: HeldRequests
  /** Who was turned away: `a3` is the third of a. */
  readonly gone: string[] = []
  readonly errors: LimitError[] = []
  readonly #came = new Map<string, number>()

  constructor(limits: Partial<HeldLimits>) {
    this.requests = new HeldRequests({ ...noLimits, ...limits })
  }

  keep(line: Line, bytes = 0, starts = false): Held {
    const number = (this.#came.get(line.id) ?? 0) + 1
    const who = {
      turnAway: (error: LimitError): void => {
        this.gone.push(`${line.id}${number}`)
        this.errors.push(error)
      },
    }
    const held = starts
      ? this.requests.keepForStart(line, bytes, who)
      : this.requests.keep(line, bytes, who)
    this.#came.set(line.id, number)
    return held
  }

  keepTimes(times: number, line: Line, bytes = 0): Held[] {
    return Array.from({ length: times }, () => this.keep(line, bytes))
  }
}

describe('requests that wait for a start', () => {
  it('are so many for each environment', () => {
    const scene = new Scene({ maxWaiting: 2 })
    const [a, b] = [lineOf('a'), lineOf('b')]
    scene.keep(a, 5, true)
    const second = scene.keep(a, 5, true)
    const error = thrownBy(() => scene.keep(a, 0, true))
    expect(error).toBeInstanceOf(QueueFullError)
    expect(error).toMatchObject({ limit: 'maxWaiting', whose: 'environment', id: 'a' })
    expect((error as QueueFullError).message).toBe(
      'Environment "a" is starting, and 2 requests wait for it, as many as `maxWaiting` allows; try again when it runs',
    )
    scene.keep(b, 0, true)
    second.release()
    scene.keep(a, 0, true)
    expect([a.startsWaited, a.startBytes, scene.requests.count]).toEqual([2, 5, 3])
  })

  it('have so many bytes for each environment', () => {
    const scene = new Scene({ maxWaitingBytes: 100 })
    const [a, b] = [lineOf('a'), lineOf('b')]
    const first = scene.keep(a, 60, true)
    scene.keep(a, 40, true)
    expect(thrownBy(() => scene.keep(a, 1, true))).toMatchObject({
      code: 'ALCOVE_QUEUE_FULL',
      limit: 'maxWaitingBytes',
      id: 'a',
    })
    scene.keep(a, 0, true)
    scene.keep(b, 100, true)
    first.release()
    scene.keep(a, 60, true)
    expect(() => scene.keep(a, 1, true)).toThrow(QueueFullError)
  })

  it('are not those that wait for a place', () => {
    const scene = new Scene({ maxWaiting: 1, maxWaitingBytes: 10 })
    const a = lineOf('a')
    scene.keepTimes(5, a, 100)
    scene.keep(a, 10, true)
    scene.keepTimes(5, a, 100)
    expect([a.startsWaited, a.startBytes, a.held.length, a.heldBytes]).toEqual([1, 10, 11, 1_010])
  })

  it('give room up to others as all do', () => {
    const scene = new Scene({ maxHeld: 3 })
    const a = lineOf('a')
    for (let times = 0; times < 3; times += 1) scene.keep(a, 7, true)
    scene.keep(lineOf('b'), 0, true)
    expect(scene.gone).toEqual(['a3'])
    expect([a.startsWaited, a.startBytes]).toEqual([2, 14])
  })
})

describe('requests of all environments', () => {
  it('are counted, with their bytes, until they are released, once', () => {
    const { requests } = new Scene({})
    const [a, b] = [lineOf('a'), lineOf('b')]
    const first = requests.keep(a, 10, staying)
    const second = requests.keepForStart(b, 20, staying)
    expect([requests.count, requests.bytes, a.heldBytes, b.heldBytes]).toEqual([2, 30, 10, 20])
    first.release()
    first.release()
    expect([requests.count, requests.bytes, a.heldBytes]).toEqual([1, 20, 0])
    second.release()
    expect([requests.count, requests.bytes, b.startsWaited, b.startBytes]).toEqual([0, 0, 0, 0])
  })

  it('are so many: the newest of who holds most goes for one of another', () => {
    const scene = new Scene({ maxHeld: 6 })
    const [loud, quiet, other] = [lineOf('loud'), lineOf('quiet'), lineOf('other')]
    scene.keep(quiet)
    scene.keepTimes(5, loud)
    scene.keepTimes(2, other)
    expect(scene.gone).toEqual(['loud5', 'loud4'])
    scene.keep(quiet)
    expect(scene.gone).toEqual(['loud5', 'loud4', 'loud3'])
    expect(scene.requests.count).toBe(6)
    expect(scene.errors[0]).toBeInstanceOf(OverloadedError)
    expect(scene.errors[0]).toMatchObject({ limit: 'maxHeld', whose: 'gateway', id: 'loud' })
  })

  it('refuse who holds most already, and nobody goes for it', () => {
    const scene = new Scene({ maxHeld: 6 })
    const [loud, quiet] = [lineOf('loud'), lineOf('quiet')]
    scene.keepTimes(2, quiet)
    scene.keepTimes(4, loud)
    for (let times = 0; times < 50; times += 1) {
      expect(thrownBy(() => scene.keep(loud))).toMatchObject({
        code: 'ALCOVE_OVERLOADED',
        limit: 'maxHeld',
        id: 'loud',
      })
    }
    expect(scene.gone).toEqual([])
    expect([quiet.held.length, loud.held.length]).toEqual([2, 4])
  })

  it('never go where they are fewest, however many ask', () => {
    const scene = new Scene({ maxHeld: 20 })
    const quiet = lineOf('quiet')
    const loud = ['x', 'y', 'z'].map((id) => lineOf(id))
    scene.keep(quiet)
    for (let times = 0; times < 300; times += 1) {
      const line = loud[(times * 7) % 3] ?? quiet
      try {
        scene.keep(line)
      } catch {
        // It has as many as the others.
      }
    }
    scene.keep(quiet)
    expect(scene.gone.filter((name) => name.startsWith('quiet'))).toEqual([])
    expect(scene.requests.count).toBe(20)
    for (const { held } of loud) expect(held.length).toBeGreaterThanOrEqual(5)
  })

  it('have so many bytes: as many go as the room needs', () => {
    const scene = new Scene({ maxHeldBytes: 100 })
    const [loud, quiet] = [lineOf('loud'), lineOf('quiet')]
    scene.keepTimes(9, loud, 10)
    scene.keep(quiet, 10)
    expect(scene.gone).toEqual([])
    scene.keep(quiet, 25)
    expect(scene.gone).toEqual(['loud9', 'loud8', 'loud7'])
    expect(scene.errors[0]).toMatchObject({ limit: 'maxHeldBytes', id: 'loud' })
    expect(scene.requests.bytes).toBe(95)
  })

  it('refuse one that would hold more bytes than any other does', () => {
    const scene = new Scene({ maxHeldBytes: 100 })
    const [loud, quiet] = [lineOf('loud'), lineOf('quiet')]
    scene.keepTimes(6, loud, 10)
    scene.keep(quiet, 40)
    expect(thrownBy(() => scene.keep(quiet, 20))).toMatchObject({
      limit: 'maxHeldBytes',
      id: 'quiet',
    })
    expect(() => scene.keep(lineOf('big'), 101)).toThrow(OverloadedError)
    expect(scene.gone).toEqual([])
    scene.keep(quiet, 9)
    expect(scene.gone).toEqual(['loud6'])
  })

  it('go from who holds most bytes where it is bytes, and from who has most where it is number', () => {
    const scene = new Scene({ maxHeld: 10, maxHeldBytes: 1_000 })
    const [many, big, quiet] = [lineOf('many'), lineOf('big'), lineOf('quiet')]
    scene.keep(big, 450)
    scene.keep(big, 450)
    scene.keepTimes(8, many, 1)
    scene.keep(quiet, 1)
    expect(scene.gone).toEqual(['many8'])
    scene.keep(quiet, 200)
    expect(scene.gone).toEqual(['many8', 'many7', 'big2'])
  })

  it('are none where none may be', () => {
    expect(() => new Scene({ maxHeld: 0 }).keep(lineOf('a'))).toThrow(OverloadedError)
    const scene = new Scene({ maxHeldBytes: 0 })
    expect(() => scene.keep(lineOf('a'), 1)).toThrow(OverloadedError)
    scene.keep(lineOf('a'))
  })

  it('have no limit where it is Infinity', () => {
    const scene = new Scene({})
    scene.keepTimes(20_000, lineOf('a'), 1e9)
    scene.keep(lineOf('b'), 1e12, true)
    expect([scene.requests.count, scene.gone.length]).toEqual([20_001, 0])
  })

  it('go from who holds most now, not from who once did', () => {
    const scene = new Scene({ maxHeld: 10 })
    for (let times = 0; times < 100; times += 1) scene.keep(lineOf(`gone-${times}`)).release()
    const [a, b, c] = [lineOf('a'), lineOf('b'), lineOf('c')]
    const held = scene.keepTimes(9, a)
    scene.keep(b)
    scene.keep(c)
    expect(scene.gone).toEqual(['a9'])
    for (const each of held.slice(1)) each.release()
    scene.keepTimes(7, b)
    scene.keep(c)
    expect(scene.gone).toEqual(['a9', 'b8'])
  })
})
