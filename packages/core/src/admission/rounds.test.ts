import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Line } from './line.js'
import type { EnvironmentLimits } from './options.js'
import { Rounds } from './rounds.js'
import { lineOf } from './test-support/admission-scene.js'
import { Waiter } from './waiter.js'

const none = Number.POSITIVE_INFINITY
const nobody = { admitted() {}, turnedAway() {} }

/** Rounds whose turns are the test's, and lines without a limit of their own. */
class Scene {
  /** Who was let in, in that order. */
  readonly served: string[] = []
  readonly deferred: (() => void)[] = []
  readonly rounds: Rounds

  constructor(perTurn?: number) {
    this.rounds = new Rounds(
      (line) => {
        this.served.push(line.id)
        line.working += 1
        line.requests.first?.leave()
      },
      (then) => void this.deferred.push(then),
      perTurn,
    )
  }

  line(id: string, limits: Partial<EnvironmentLimits> = {}): Line {
    return lineOf(id, { maxInFlight: none, ...limits })
  }

  /** Some stand in line, none of whom is let in yet. */
  wait(line: Line, times: number): void {
    for (let time = 0; time < times; time += 1) {
      line.requests.push(new Waiter(line, none, nobody))
    }
    this.rounds.add(line)
  }

  /** The next turn; what was served in it. */
  turn(): string {
    const before = this.served.length
    for (const then of this.deferred.splice(0)) then()
    return this.served.slice(before).join('')
  }

  /** What is served now. */
  run(): string {
    const before = this.served.length
    this.rounds.run()
    return this.served.slice(before).join('')
  }
}

describe('environments that have requests waiting', () => {
  it('take turns', () => {
    const scene = new Scene(100)
    for (const id of ['a', 'b', 'c']) scene.wait(scene.line(id), 3)
    expect(scene.run()).toBe('abcabcabc')
  })

  it('take turns by their weights: 2 gets two for each one', () => {
    const scene = new Scene(12)
    scene.wait(scene.line('a'), 100)
    scene.wait(scene.line('b', { weight: 2 }), 100)
    expect(scene.run()).toBe('abbabbabbabb')
  })

  it('take turns by their weights: 0.5 gets one for each two', () => {
    const scene = new Scene(12)
    scene.wait(scene.line('a', { weight: 0.5 }), 100)
    scene.wait(scene.line('b'), 100)
    expect(scene.run()).toBe('babbabbabbab')
  })

  it('get on from turn to turn where they were', () => {
    const scene = new Scene(1)
    scene.wait(scene.line('a'), 100)
    scene.wait(scene.line('b', { weight: 2 }), 100)
    let order = scene.run()
    for (let turns = 0; turns < 11; turns += 1) order += scene.turn()
    expect(order).toBe('abbabbabbabb')
  })

  it.each([1, 3])('make nobody wait by the length of their line, with %i in a turn', (perTurn) => {
    const scene = new Scene(perTurn)
    scene.wait(scene.line('a'), 1_000)
    for (let turns = 0; turns < 7; turns += 1) {
      scene.run()
      scene.turn()
    }
    const before = scene.served.length
    scene.wait(scene.line('b'), 1)
    while (!scene.served.includes('b')) scene.turn()
    expect(scene.served.indexOf('b') - before).toBeLessThanOrEqual(1)
  })

  it('save nothing up while they have none waiting', () => {
    const scene = new Scene(6)
    const [a, b] = [scene.line('a', { weight: 5 }), scene.line('b')]
    scene.wait(a, 1)
    expect(scene.run()).toBe('a')
    scene.wait(b, 10)
    scene.wait(a, 10)
    expect(scene.run()).toBe('baaaa')
    expect(scene.turn()).toBe('abaaaa')
  })

  it('lose their turn with the last that waits, though the turn of the loop ends there', () => {
    const scene = new Scene(1)
    const [a, b] = [scene.line('a', { weight: 5 }), scene.line('b')]
    scene.wait(a, 1)
    expect(scene.run()).toBe('a')
    scene.wait(b, 1)
    scene.wait(a, 1)
    expect(scene.turn()).toBe('b')
  })

  it('keep nobody waiting while all of their places are taken', () => {
    const scene = new Scene(100)
    const [a, b] = [scene.line('a', { maxInFlight: 2 }), scene.line('b')]
    scene.wait(a, 5)
    scene.wait(b, 3)
    expect(scene.run()).toBe('ababb')
    a.working = 1
    scene.rounds.add(a)
    expect(scene.run()).toBe('a')
  })

  it('are passed over where their places were taken meanwhile', () => {
    const scene = new Scene(1)
    const [a, b] = [scene.line('a', { maxInFlight: 2 }), scene.line('b')]
    scene.wait(a, 5)
    scene.wait(b, 3)
    expect(scene.run()).toBe('a')
    a.cap = 1
    expect([scene.turn(), scene.turn(), scene.turn(), scene.turn()]).toEqual(['b', 'b', 'b', ''])
  })

  it('are all served, each within its turn, whatever their weights', () => {
    const line = fc.record({
      times: fc.integer({ min: 1, max: 20 }),
      weight: fc.double({ min: 0.1, max: 100, noNaN: true }),
    })
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        (lines, perTurn) => {
          const scene = new Scene(perTurn)
          let left = 0
          for (const [index, { times, weight }] of lines.entries()) {
            scene.wait(scene.line(String(index), { weight }), times)
            left += times
          }
          scene.rounds.run()
          let inTurn = scene.served.length
          for (;;) {
            // Work conserving: a turn has less in it only where it has the last.
            expect(inTurn).toBe(Math.min(perTurn, left))
            left -= inTurn
            if (left === 0) return
            inTurn = scene.turn().length
          }
        },
      ),
    )
  })
})

describe('a turn of the loop', () => {
  it('has 32 requests, the rest is for the next', () => {
    const scene = new Scene()
    scene.wait(scene.line('a'), 70)
    expect(scene.run()).toHaveLength(32)
    expect(scene.run()).toBe('')
    expect([scene.turn(), scene.turn(), scene.turn()].map(({ length }) => length)).toEqual([
      32, 6, 0,
    ])
  })

  it('counts those who need not wait', () => {
    const scene = new Scene(3)
    const [a, b] = [scene.line('a'), scene.line('b')]
    expect([scene.rounds.take(a), scene.rounds.take(a)]).toEqual([true, true])
    scene.wait(b, 3)
    expect(scene.run()).toBe('b')
    expect(scene.rounds.take(a)).toBe(false)
  })

  it('has room for the first of each environment, though all of it is used up', () => {
    const scene = new Scene(2)
    const [a, b, c] = [scene.line('a'), scene.line('b'), scene.line('c')]
    expect([a, a, a].map((line) => scene.rounds.take(line))).toEqual([true, true, false])
    expect([b, c, b, c, a].map((line) => scene.rounds.take(line))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
    scene.turn()
    expect([a, a, a, b, b].map((line) => scene.rounds.take(line))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })

  it('is asked for once, and only where the last is used up', () => {
    const scene = new Scene(2)
    const [a, b] = [scene.line('a'), scene.line('b')]
    scene.rounds.take(a)
    expect(scene.deferred).toHaveLength(0)
    scene.rounds.take(a)
    scene.rounds.take(b)
    scene.wait(a, 3)
    scene.run()
    expect(scene.deferred).toHaveLength(1)
    expect(scene.turn()).toBe('aa')
    expect(scene.deferred).toHaveLength(1)
    expect(scene.turn()).toBe('a')
    expect(scene.deferred).toHaveLength(0)
  })
})
