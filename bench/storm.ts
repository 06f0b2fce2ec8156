// npm run bench:storm [-- --rounds <number>] [-- --concurrency <number>]
//
// A thousand first requests at once for a hundred environments that do not run, through the gateway, and as soon as the same programs can
// be spawned bare, as many at a time, and asked directly. Both listen on Unix sockets, and take turns.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, writeResults } from './results.ts'
import { type Estimate, quantile, ratioOfMedians, seededRandom } from './statistics.ts'
import { bareStorm } from './storm/bare-storm.ts'
import { type Answered, StormGateway } from './storm/gateway-storm.ts'
import type { Storm } from './storm/storm.ts'

const targetRatio = 1.2
const program = join(import.meta.dirname, 'programs/node-http.js')
const random = seededRandom(1)

interface Round extends Answered {
  readonly bareMs: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    // The gateway's default.
    concurrency: { type: 'string', default: '4' },
  },
})
const [rounds, concurrency] = [numberOf('rounds'), numberOf('concurrency')]
const storm: Storm = { environments: 100, requests: 10, concurrency }

const measured = await measure()
const ratio = ratioOfMedians(
  measured.map(({ ms, bareMs }) => [ms, bareMs] as const),
  random,
)
const wrongStarts = measured.filter(({ starts }) => starts !== storm.environments).length
const failures = measured.flatMap((round) => round.failures)
const verdicts = [
  { what: 'ratio of the medians', met: ratio.value <= targetRatio, said: ratioText(ratio) },
  { what: `exactly ${storm.environments} starts`, met: wrongStarts === 0, said: startsText() },
  { what: 'no failure', met: failures.length === 0, said: String(failures.length) },
]
print()
const figures = { targetRatio, storm, ratio, rounds: measured }
console.log(`\n${await writeResults('storm', figures)}`)
process.exitCode = verdicts.every(({ met }) => met) ? 0 : 1

async function measure(): Promise<readonly Round[]> {
  await using gateway = await StormGateway.open(program, storm)
  const all: Round[] = []
  // The first is not counted: it fills the caches of files, and opens the gateway's folders.
  for (let number = -1; number < rounds; number += 1) {
    const round = await measureRound(gateway)
    if (number >= 0) all.push(round)
  }
  return all
}

/** Either one first: neither is always the one that finds the machine as the other has left it. */
async function measureRound(gateway: StormGateway): Promise<Round> {
  if (random() < 0.5) {
    const answered = await gateway.round()
    return { ...answered, bareMs: await bareStorm(program, storm) }
  }
  const bareMs = await bareStorm(program, storm)
  return { ...(await gateway.round()), bareMs }
}

function print(): void {
  const { environments, requests } = storm
  console.log(
    `${environments * requests} first requests at once for ${environments} environments, ${concurrency} starting at a time; ${rounds} rounds in turns. ${machine()}\n`,
  )
  const line = (name: string, sample: readonly number[]): void => {
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(sample, share).toFixed(0))
    console.log(`${name.padEnd(22)}${middle} ms (${low} to ${high})`)
  }
  line(
    'through the gateway',
    measured.map(({ ms }) => ms),
  )
  line(
    'bare',
    measured.map(({ bareMs }) => bareMs),
  )
  console.log()
  for (const { what, met, said } of verdicts) {
    console.log(`${what.padEnd(22)}${said}: ${met ? 'met' : 'MISSED'}`)
  }
  for (const failure of new Set(failures)) console.log(`  ${failure}`)
}

function ratioText({ value, low, high }: Estimate): string {
  return `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}), at most ${targetRatio}`
}

function startsText(): string {
  return [...new Set(measured.map(({ starts }) => starts))].join(', ')
}

function numberOf(name: keyof typeof values): number {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= 1) return number
  console.error(`Expected --${name} to be a whole number from 1 on, got "${values[name]}".`)
  process.exit(2)
}
