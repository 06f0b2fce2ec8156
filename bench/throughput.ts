// npm run bench:throughput [-- --quick] [-- --rounds <number>] [-- --only <section,...>] [-- --gateways <name,...>]
//
// How many requests Alcove answers on one core, beside other proxies, how long they take at a rate that is held, and what
// connections and environments cost in memory. All gateways are up at once, each on the same core; the load and what is forwarded
// to are on another. A full run takes some 25 minutes, in which nothing else should run. Ends with 1 where a target is missed or
// the run is void, with 2 where it can't be made.
import { type Cores, twoCores } from './load/cores.ts'
import { missingTools } from './load/tools.ts'
import { upstreams } from './load/upstream.ts'
import { machine, writeResults } from './results.ts'
import { seededRandom } from './statistics.ts'
import { largeAnswers, posts, smallAnswers } from './throughput/answers.ts'
import type { Bench } from './throughput/bench.ts'
import { processesEach, startFleet } from './throughput/fleet.ts'
import { interruption } from './throughput/interruption.ts'
import { knownEnvironments } from './throughput/known-environments.ts'
import { latency } from './throughput/latency.ts'
import { memory } from './throughput/memory.ts'
import { judgedRounds, type Options, readOptions, usage } from './throughput/options.ts'
import { progressLine } from './throughput/progress.ts'
import { isMet, isVoid, type SectionResult } from './throughput/section.ts'
import { tableText, verdictTable } from './throughput/table.ts'

const sections = [smallAnswers, largeAnswers, posts, knownEnvironments, latency, memory]
const options = readOptions(sections)
if (typeof options === 'string') leave(`${options}\n${usage(sections)}`)
const cores = twoCores()
if (typeof cores === 'string') leave(cores)
const missing = missingTools()
if (missing !== undefined) leave(missing)

const { signal } = interruption()
try {
  const began = performance.now()
  const results = await measure(options, cores)
  const minutes = ((performance.now() - began) / 60_000).toFixed(1)
  const verdicts = results.flatMap((result) => result.verdicts)
  const { rounds, upstream } = options
  console.log(
    `\n${await writeResults('throughput', { rounds, upstream, results })}, ${minutes} min.`,
  )
  if (options.rounds < judgedRounds) {
    console.log(`Fewer than ${judgedRounds} rounds: enough to see that it works, not to judge by.`)
  } else if (verdicts.some((verdict) => isVoid(verdict))) {
    console.log(
      'The run is void: the same gateway twice is not the same. Something else runs here.',
    )
    process.exitCode = 1
  } else if (verdicts.some((verdict) => isMet(verdict) === false)) {
    process.exitCode = 1
  }
} catch (error) {
  if (!signal.aborted) throw error
  console.error('Interrupted: nothing was written.')
  process.exitCode = 130
}

async function measure(chosen: Options, pinned: Cores): Promise<readonly SectionResult[]> {
  console.log(
    `Median of ${chosen.rounds} slices of a second, in turns; upstream: ${chosen.upstream}. ${machine()}`,
  )
  await using upstream = await upstreams[chosen.upstream](pinned.load)
  await using fleet = await startFleet(
    pinned,
    upstream,
    chosen.gateways,
    processesEach(chosen.isQuick),
  )
  const results: SectionResult[] = []
  const { rounds, isQuick, idleSeconds } = chosen
  const shared = { cores: pinned, upstream, fleet, rounds, isQuick, idleSeconds, signal }
  const rates = new Map<string, number>()
  const random = seededRandom(1)
  for (const { name, measure: measureSection } of chosen.sections) {
    const progress = progressLine(name)
    const bench: Bench = {
      ...shared,
      rates,
      random,
      progress,
    }
    const result = await measureSection(bench)
    progress()
    print(result)
    results.push(result)
  }
  return results
}

function print({ title, table, verdicts }: SectionResult): void {
  console.log(`\n${title}\n\n${tableText(table)}`)
  if (verdicts.length > 0) console.log(`\n${tableText(verdictTable(verdicts))}`)
}

function leave(why: string): never {
  console.error(why)
  process.exit(2)
}
