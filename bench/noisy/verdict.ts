import type { Estimate } from '../statistics.ts'
import { okPerSecond, sum } from './floods/flood.ts'
import type { FloodLetter } from './floods/index.ts'
import { failureCount } from './held-rate.ts'
import type { Chunk } from './measurement.ts'
import type { PhaseName } from './plan.ts'
import { ratioOfRounds } from './ratio-of-rounds.ts'

/** The chunks of each phase, one for each round. */
export type Phases = ReadonlyMap<PhaseName, readonly Chunk[]>

/** A target, and whether it is reached. */
export interface Judgement {
  readonly what: string
  readonly bound: 'at most' | 'at least'
  readonly target: number
  readonly found: number | Estimate
  readonly met: boolean
}

/** Judges one flood. */
export function judge(
  letter: FloodLetter,
  phases: Phases,
  random: () => number,
): readonly Judgement[] {
  const of = (name: PhaseName): readonly Chunk[] => phases.get(name) ?? []
  const ratio = (judged: PhaseName, compared: PhaseName, statistic: Statistic): Estimate =>
    ratioOfRounds(of(judged), of(compared), statistic, random)
  const alcove = of('Alcove')
  const judgements = [
    atMost(1.5, "quiet one's p99, Alcove / floor", ratio('Alcove', 'floor', quietP99)),
    atMost(0.7, "quiet one's p99, Alcove / nginx", ratio('Alcove', 'nginx', quietP99)),
    atMost(
      0,
      "quiet one's failures through Alcove",
      alcove.reduce((count, { quiet }) => count + failureCount(quiet), 0),
    ),
  ]
  if (letter === 'a' || letter === 'b') {
    const found = ratio('Alcove', 'Alcove, limits off', floodedRate)
    judgements.push(atLeast(0.9, "flooded one's 2xx/s, with limits / without", found))
  }
  if (letter === 'c') {
    const found = ratio('Alcove', 'Alcove, capacity', floodedRate)
    judgements.push(
      atLeast(0.8, "flooded one's 2xx/s, open loop / closed loop", found),
      atLeast(1.5, 'delivered / capacity, Alcove', overload(alcove)),
      atLeast(1.5, 'delivered / capacity, http-proxy', overload(of('http-proxy'))),
      atLeast(1.5, 'delivered / capacity, nginx', overload(of('nginx'))),
    )
  }
  if (letter === 'e') {
    const answered = alcove.flatMap(({ attacked }) => attacked ?? [])
    judgements.push(
      atMost(
        1000,
        'attacked one, slowest normal answer through Alcove (ms)',
        Math.max(...answered.flatMap(({ latenciesMs }) => latenciesMs)),
      ),
      atMost(
        0,
        "attacked one's normal requests that failed",
        answered.reduce((count, its) => count + failureCount(its), 0),
      ),
    )
  }
  return judgements
}

type Statistic = (chunks: readonly Chunk[]) => number

/** Of all samples together. */
export function quietLatency(chunks: readonly Pick<Chunk, 'quiet'>[], share: number): number {
  // Sorted as numbers, natively: this is done thousands of times.
  const sorted = Float64Array.from(chunks.flatMap(({ quiet }) => quiet.latenciesMs)).sort()
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}

const quietP99: Statistic = (chunks) => quietLatency(chunks, 0.99)

const floodedRate: Statistic = (chunks) => okPerSecond(chunks.flatMap(({ flood }) => flood ?? []))

/** How many times its capacity a gateway was sent. */
function overload(chunks: readonly Chunk[]): number {
  const counts = chunks.flatMap(({ flood }) => flood ?? [])
  const capacity = chunks.reduce((total, its) => total + (its.capacity ?? 0), 0) / chunks.length
  return sum(counts, 'delivered') / sum(counts, 'seconds') / capacity
}

function atMost(target: number, what: string, found: number | Estimate): Judgement {
  return { what, bound: 'at most', target, found, met: valueOf(found) <= target }
}

function atLeast(target: number, what: string, found: number | Estimate): Judgement {
  return { what, bound: 'at least', target, found, met: valueOf(found) >= target }
}

export const valueOf = (found: number | Estimate): number =>
  typeof found === 'number' ? found : found.value
