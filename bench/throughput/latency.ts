import { runH2load } from '../load/h2load.ts'
import { connections } from '../load/wrk.ts'
import { median, quantile, ratioOfMedians, shuffled } from '../statistics.ts'
import type { Bench } from './bench.ts'
import { perSecond } from './comparison.ts'
import type { Section, Verdict } from './section.ts'
import { inTurn } from './fleet.ts'
import { measureSlices } from './slices.ts'

/** One run at the rate. */
interface Held {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the requests that were to be made: below 1 it could not keep up, and its times mean little. */
  readonly share: number
}

const judged = 'alcove'
const compared = 'fast-proxy'
const peers = [compared, 'reply-from', 'nginx']

/**
 * How long requests take at half of Alcove's highest rate, the same for all. Judged by the 99th percentile of each run, in turns:
 * what disturbs the machine shows in one run, not in all.
 */
export const latency: Section = {
  name: 'latency',
  async measure(bench) {
    const rows = [judged, ...peers].filter((name) => bench.fleet.has(name))
    const each = Math.round((await highest(bench)) / 2 / connections)
    const runs = await inTurns(bench, rows, each)
    return {
      title: `A GET that is answered with 27 bytes, at ${each * connections} requests/s: half of Alcove's highest`,
      table: {
        titles: ['gateway', 'p50 ms', 'p99 ms', 'p25 to p75 of p99', 'of the rate'],
        lines: [...runs].map(([name, held]) => {
          const p99 = held.map(({ p99Ms }) => p99Ms)
          return [
            name,
            median(held.map(({ p50Ms }) => p50Ms)).toFixed(2),
            median(p99).toFixed(2),
            [0.25, 0.75].map((share) => quantile(p99, share).toFixed(2)).join(' to '),
            `${Math.round(median(held.map(({ share }) => share)) * 100)} %`,
          ]
        }),
      },
      verdicts: verdictsOf(runs, bench.random),
      figures: { requestsPerSecond: each * connections, runs: Object.fromEntries(runs) },
    }
  },
}

/** What Alcove answers when it is asked as fast as it can; measured anew where only this section is run. */
async function highest(bench: Bench): Promise<number> {
  const known = bench.rates.get(judged)
  if (known !== undefined) return known
  const gateways = bench.fleet.get(judged)
  if (gateways === undefined)
    throw new Error(`The rate is half of ${judged}'s: it has to take part`)
  const row = { name: judged, gateways, load: { path: '/' } }
  return median(perSecond(await measureSlices({ ...bench, rounds: 5 }, [row]), judged))
}

async function inTurns(
  bench: Bench,
  rows: readonly string[],
  each: number,
): Promise<ReadonlyMap<string, readonly Held[]>> {
  const [rounds, seconds] = bench.isQuick ? [1, 1] : [10, 2]
  const runs = new Map(rows.map((name): [string, Held[]] => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    bench.progress(`round ${round + 1} of ${rounds}`)
    for (const name of shuffled(rows, bench.random)) {
      const { port } = inTurn(bench.fleet.get(name) ?? [], round)
      const load = { port, requestsPerSecondEach: each, seconds }
      const { tookMs, failed } = await runH2load(load, bench.cores.load, bench.signal)
      if (failed > 0) throw new Error(`The run is void: ${name} failed ${failed} requests`)
      runs.get(name)?.push({
        p50Ms: median(tookMs),
        p99Ms: quantile(tookMs, 0.99),
        share: tookMs.length / (each * connections * seconds),
      })
    }
  }
  return runs
}

function verdictsOf(
  runs: ReadonlyMap<string, readonly Held[]>,
  random: () => number,
): readonly Verdict[] {
  const own = runs.get(judged) ?? []
  return [...runs].flatMap(([name, theirs]): readonly Verdict[] => {
    if (name === judged) return []
    const rounds = own.map(({ p99Ms }, round) => [p99Ms, theirs[round]?.p99Ms ?? 0] as const)
    const verdict = { what: `p99: ${judged} / ${name}`, judged, compared: name }
    const target = name === compared ? { target: { atMost: 0.8 } } : {}
    return [{ ...verdict, ...target, ratio: ratioOfMedians(rounds, random) }]
  })
}
