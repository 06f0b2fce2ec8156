// npm run bench:cold-start [-- --rounds <number>]
//
// How much longer a request to an environment that does not run takes through Alcove than to the same program, spawned
// bare and asked directly as soon as it listens. Both listen on a Unix socket, and take turns. Then, how much longer a request to
// the same environment takes once it is frozen (`suspendAfterMs`) than while it runs. And how much shorter a cold start is where a
// process waits that has loaded the program's modules (`prewarm`).
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bareStart } from './cold-start/bare-start.ts'
import { type Answers, ColdGateway } from './cold-start/cold-gateway.ts'
import { machine, writeResults } from './results.ts'
import { type Estimate, quantile, ratioOfMedians, seededRandom } from './statistics.ts'

const targetRatio = 1.1
const targetResumeMs = 3
const targetPrewarmedRatio = 0.2
/** Its modules are what its start consists of. */
const prewarmedProgram = 'express'
/** Not counted: the first start opens the gateway's folders, and fills the caches of files. */
const warmUpRounds = 2
const programs: ReadonlyMap<string, string> = new Map(
  ['node-http', 'express'].map((name) => [
    name,
    join(import.meta.dirname, 'programs', `${name}.js`),
  ]),
)
const random = seededRandom(1)

/** Milliseconds through the gateway, and bare, taken one after the other. */
interface Round extends Answers {
  readonly bareMs: number
  /** Through the gateway, where a process waited for it. */
  readonly prewarmedMs: number | undefined
}

interface Result {
  readonly program: string
  readonly ratio: Estimate
  /** By how much a median answer is later where it is the first of one that was frozen. */
  readonly resumeMs: number
  /** A prewarmed start / a cold start, both through the gateway. */
  readonly prewarmedRatio: Estimate | undefined
  readonly rounds: readonly Round[]
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '40' } } })
const roundCount = Number(values.rounds)
if (!Number.isInteger(roundCount) || roundCount < 10) {
  console.error(`Expected --rounds to be a whole number from 10 on, got "${values.rounds}".`)
  process.exit(2)
}

const results = await measure()
print(results)
console.log(
  `\n${await writeResults('cold-start', { targetRatio, targetResumeMs, targetPrewarmedRatio, results })}`,
)
process.exitCode = results.every(
  ({ ratio, resumeMs, prewarmedRatio }) =>
    ratio.value <= targetRatio &&
    resumeMs <= targetResumeMs &&
    (prewarmedRatio?.value ?? 0) <= targetPrewarmedRatio,
)
  ? 0
  : 1

async function measure(): Promise<readonly Result[]> {
  await using gateway = await ColdGateway.open(programs)
  const rounds = new Map([...programs.keys()].map((name): [string, Round[]] => [name, []]))
  for (let number = -warmUpRounds; number < roundCount; number += 1) {
    for (const [program, path] of programs) {
      const round = await measureRound(gateway, program, path)
      if (number >= 0) rounds.get(program)?.push(round)
    }
  }
  return [...rounds].map(([program, measured]) => ({
    program,
    ratio: ratioOfMedians(
      measured.map(({ coldMs, bareMs }) => [coldMs, bareMs] as const),
      random,
    ),
    resumeMs:
      quantile(
        measured.map(({ resumedMs }) => resumedMs),
        0.5,
      ) -
      quantile(
        measured.map(({ runningMs }) => runningMs),
        0.5,
      ),
    prewarmedRatio: prewarmedRatioOf(measured),
    rounds: measured,
  }))
}

function prewarmedRatioOf(rounds: readonly Round[]): Estimate | undefined {
  const pairs = rounds.flatMap(({ prewarmedMs, coldMs }) =>
    prewarmedMs === undefined ? [] : [[prewarmedMs, coldMs] as const],
  )
  return pairs.length === 0 ? undefined : ratioOfMedians(pairs, random)
}

/** In any order: none is always the one that finds the machine as another has left it. */
async function measureRound(gateway: ColdGateway, program: string, path: string): Promise<Round> {
  let answers: Answers = { coldMs: 0, runningMs: 0, resumedMs: 0 }
  let bareMs = 0
  let prewarmedMs: number | undefined
  const measures: (() => Promise<void>)[] = [
    async () => {
      answers = await gateway.start(program)
    },
    async () => {
      bareMs = await bareStart(path)
    },
    async () => {
      if (program === prewarmedProgram) prewarmedMs = await gateway.startPrewarmed(program)
    },
  ]
  while (measures.length > 0) {
    const [next] = measures.splice(Math.floor(random() * measures.length), 1)
    await next?.()
  }
  return { ...answers, bareMs, prewarmedMs }
}

function print(all: readonly Result[]): void {
  console.log(
    `Cold starts, ${roundCount} each, in turns; median (p25 to p75) in ms. ${machine()}\n`,
  )
  const columns = [10, 26, 26, 24]
  const row = (...cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(columns[index] ?? 0))
      .join('')
      .trimEnd()
  console.log(row('program', 'through the gateway', 'bare', 'ratio (95 %)'))
  for (const { program, rounds, ratio } of all) {
    console.log(
      row(
        program,
        spread(rounds.map(({ coldMs }) => coldMs)),
        spread(rounds.map(({ bareMs }) => bareMs)),
        `${ratio.value.toFixed(3)} (${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)})`,
        verdict(ratio.value, targetRatio),
      ),
    )
  }
  console.log('\nThe next requests to the same environments\n')
  console.log(row('program', 'frozen until then', 'running', 'later by'))
  for (const { program, rounds, resumeMs } of all) {
    console.log(
      row(
        program,
        spread(rounds.map(({ resumedMs }) => resumedMs)),
        spread(rounds.map(({ runningMs }) => runningMs)),
        `${resumeMs.toFixed(1)} ms`,
        verdict(resumeMs, targetResumeMs),
      ),
    )
  }
  console.log(
    '\nCold starts of the same environments in processes that have loaded their modules\n',
  )
  console.log(row('program', 'prewarmed', 'cold', 'ratio (95 %)'))
  for (const { program, rounds, prewarmedRatio } of all) {
    if (!prewarmedRatio) continue
    const { value, low, high } = prewarmedRatio
    console.log(
      row(
        program,
        spread(rounds.map(({ prewarmedMs }) => prewarmedMs ?? Number.NaN)),
        spread(rounds.map(({ coldMs }) => coldMs)),
        `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`,
        verdict(value, targetPrewarmedRatio),
      ),
    )
  }
}

function verdict(value: number, most: number): string {
  return `at most ${most}: ${value <= most ? 'met' : 'MISSED'}`
}

function spread(sample: readonly number[]): string {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(sample, share).toFixed(1))
  return `${middle} (${low} to ${high})`
}
