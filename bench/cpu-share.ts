// npm run bench:cpu-share [-- --rounds <number>] [--starts <number>]
//
// What environments that burn CPU get of a core that the gateway wants as well: one and four of them, without any measure, at nice 19,
// and by processSpawner() with cgroups and without. All on one core, by the kernel's account of their CPU time. Then, what it costs a start.
import { parseArgs } from 'node:util'
import { measures, measureShare } from './cpu-share/measured.ts'
import { type StartCost, StartCosts } from './cpu-share/start-cost.ts'
import { twoCores } from './load/cores.ts'
import { machine, writeResults } from './results.ts'
import { median, quantile, seededRandom, shuffled } from './statistics.ts'

const targetShare = 0.2
const targetStartMs = 1
/** Of the starts, not counted: they open folders, and fill the caches of files. */
const warmUps = 3
const random = seededRandom(1)

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    starts: { type: 'string', default: '60' },
  },
})
const [rounds, starts] = [Number(values.rounds), Number(values.starts)]
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(starts) || starts < 1) {
  console.error('Expected --rounds and --starts to be whole numbers from 1 on.')
  process.exit(2)
}
const cores = twoCores()
if (typeof cores === 'string') {
  console.error(cores)
  process.exit(2)
}

interface Result {
  readonly measure: string
  /** Whether it is to reach the target. */
  readonly isJudged: boolean
  readonly environments: number
  readonly shares: readonly number[]
}

const results = await measureShares(cores.load)
printShares(results)
const startCosts = await measureStarts()
const laterMs = later(startCosts)
printStarts(startCosts)
console.log(
  `\n${await writeResults('cpu-share', { targetShare, targetStartMs, results, startCosts })}`,
)
process.exitCode = results.every(isMet) && laterMs <= targetStartMs ? 0 : 1

async function measureShares(core: number): Promise<readonly Result[]> {
  const { all, missing } = measures()
  for (const reason of missing) console.log(`Not measured: ${reason}.`)
  const rows = all.flatMap((measure) =>
    [1, 4].map((environments) => ({ measure, environments, shares: [] as number[] })),
  )
  for (let round = 0; round < rounds; round += 1) {
    for (const { measure, environments, shares: measured } of shuffled(rows, random)) {
      const { share } = await measureShare(measure, core, environments)
      measured.push(share)
    }
  }
  return rows.map(({ measure, environments, shares: measured }) => ({
    measure: measure.name,
    isJudged: measure.percent !== 'off',
    environments,
    shares: measured,
  }))
}

/** In turns. */
async function measureStarts(): Promise<{ on: StartCost[]; off: StartCost[] }> {
  await using on = new StartCosts(targetShare)
  await using off = new StartCosts(false)
  const costs: { on: StartCost[]; off: StartCost[] } = { on: [], off: [] }
  for (let number = -warmUps; number < starts; number += 1) {
    for (const name of shuffled(['on', 'off'] as const, random)) {
      const cost = await { on, off }[name].measure()
      if (number >= 0) costs[name].push(cost)
    }
  }
  return costs
}

function isMet({ isJudged, shares: measured }: Result): boolean {
  return !isJudged || Math.max(...measured) <= targetShare
}

/** The median of what each pair differs by: what slows one of them down slows the other one, too. */
function later(all: { on: readonly StartCost[]; off: readonly StartCost[] }): number {
  return median(all.on.map(({ startedMs }, index) => startedMs - (all.off[index]?.startedMs ?? 0)))
}

function printShares(all: readonly Result[]): void {
  console.log(
    `What environments that burn get of a core that the gateway wants, in %; median (least to most) of ${rounds}. ${machine()}\n`,
  )
  console.log(row('measure', 'one', 'four'))
  for (const measure of new Set(all.map((result) => result.measure))) {
    const own = all.filter((result) => result.measure === measure)
    const cells = own.map(({ shares: measured }) => {
      const [least, middle, most] = [0, 0.5, 1].map((part) =>
        (quantile(measured, part) * 100).toFixed(1),
      )
      return `${middle} (${least} to ${most})`
    })
    const verdict = `at most ${targetShare * 100}: ${own.every(isMet) ? 'met' : 'MISSED'}`
    console.log(row(measure, ...cells, own.some(({ isJudged }) => isJudged) ? verdict : ''))
  }
}

function printStarts(all: { on: readonly StartCost[]; off: readonly StartCost[] }): void {
  console.log(`\nStarts, ${starts} each, in turns; median (p25 to p75) in ms\n`)
  console.log(row('until', 'with it', 'without'))
  for (const until of ['startedMs', 'listeningMs'] as const) {
    const cells = [all.on, all.off].map((costs) => {
      const sample = costs.map((cost) => cost[until])
      const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(sample, part).toFixed(2))
      return `${middle} (${low} to ${high})`
    })
    console.log(row(until === 'startedMs' ? 'it is started' : 'it listens', ...cells))
  }
  const verdict = laterMs <= targetStartMs ? 'met' : 'MISSED'
  console.log(`\nStarted later by ${laterMs.toFixed(2)} ms, at most ${targetStartMs}: ${verdict}`)
}

function row(...cells: readonly string[]): string {
  return cells
    .map((cell) => cell.padEnd(26))
    .join('')
    .trimEnd()
}
