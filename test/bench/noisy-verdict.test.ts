import { expect, test } from 'vitest'
import type { Chunk } from '../../bench/noisy/measurement.ts'
import { planFor } from '../../bench/noisy/plan.ts'
import { ratioOfRounds } from '../../bench/noisy/ratio-of-rounds.ts'
import { report } from '../../bench/noisy/report.ts'
import { judge, type Phases, valueOf } from '../../bench/noisy/verdict.ts'
import { seededRandom } from '../../bench/statistics.ts'

/** A round in which 1 in 50 of the quiet one's requests took this long, and the others 1 ms. */
function chunk(slowMs: number, ok = 1000, more: Partial<Chunk> = {}): Chunk {
  const latenciesMs = Array.from({ length: 100 }, (_, index) => (index < 2 ? slowMs : 1))
  return {
    quiet: { latenciesMs, failures: {}, lateMs: 0 },
    flood: { seconds: 2, ok, refused: 10, cut: 0, delivered: 6000, offered: 6000 },
    capacity: 1000,
    recovered: true,
    ...more,
  }
}

const phases = (all: Partial<Record<string, Chunk>>): Phases =>
  new Map(Object.entries(all).map(([name, its]) => [name, [its, its]])) as unknown as Phases

test('compares the quiet one with its floor and with nginx, and the flooded one with itself', () => {
  const found = judge(
    'a',
    phases({
      floor: chunk(2),
      Alcove: chunk(3),
      nginx: chunk(4),
      'Alcove, limits off': chunk(9, 1250),
    }),
    seededRandom(1),
  )
  expect(found.map(({ found: its, met }) => [valueOf(its), met])).toEqual([
    [1.5, true],
    [0.75, false],
    [0, true],
    [0.8, false],
  ])
})

test('judges what is delivered in an open loop by the capacity of each gateway', () => {
  const all = phases({
    floor: chunk(2),
    Alcove: chunk(2),
    nginx: chunk(9, 1000, { capacity: 3000 }),
    'http-proxy': chunk(9),
    'Alcove, capacity': chunk(2, 1200),
  })
  const found = judge('c', all, seededRandom(1))
  expect(found.slice(3).map(({ found: its, met }) => [valueOf(its), met])).toEqual([
    [expect.closeTo(0.833, 3), true],
    [3, true],
    [3, true],
    [1, false],
  ])
})

test('misses where a quiet or a normal request fails or is late', () => {
  const failed = { latenciesMs: [1, 1200], failures: { 503: 1 }, lateMs: 0 }
  const all = phases({
    floor: chunk(2),
    nginx: chunk(9),
    Alcove: chunk(2, 1000, {
      quiet: { ...chunk(2).quiet, failures: { ECONNRESET: 3 } },
      attacked: failed,
    }),
  })
  const found = judge('e', all, seededRandom(1))
  expect(found.slice(2).map(({ found: its, met }) => [valueOf(its), met])).toEqual([
    [6, false],
    [1200, false],
    [2, false],
  ])
  const told = report({ letter: 'e', what: 'slow ones' }, all, found)
  expect(told).toContain('6 x ECONNRESET')
  expect(told).toContain('(failed: 2 x 503)')
  expect(told).toContain("quiet one's failures through Alcove: 6, at most 0: MISSED")
})

test('draws whole rounds, the same of both phases', () => {
  const sum = (rounds: readonly number[]): number => rounds.reduce((total, its) => total + its, 0)
  // Slow rounds are slow for both: the ratio is the same in all resamples.
  const { value, low, high } = ratioOfRounds([2, 20, 200], [1, 10, 100], sum, seededRandom(1))
  expect([value, low, high]).toEqual([2, 2, 2])
  expect(() => ratioOfRounds([1], [], sum, seededRandom(1))).toThrow('as many rounds')
})

test('measures in each round what its targets compare', () => {
  const names = (letter: 'a' | 'c' | 'd'): readonly string[] => {
    const { first, rest } = planFor(letter)
    return [...first, ...rest].map(({ name }) => name)
  }
  expect(names('a')).toContain('Alcove, limits off')
  expect(names('c').slice(0, 3)).toEqual([
    'Alcove, capacity',
    'http-proxy, capacity',
    'nginx, capacity',
  ])
  expect(names('d')).toEqual(['alone', 'floor', 'Alcove', 'http-proxy', 'nginx'])
})
