// npm run bench:chaos [-- --seconds <number>] [-- --seed <number>] [-- --environments <number>] [-- --clients <number>]
//
// Asks environments, real programs, through a gateway in a process of its own, while they are killed, frozen, made slow and made to break
// in mid-answer, stopped and started otherwise, at random. Each request has to end in the whole right answer, in a 502, 503 or 504 that
// names its cause, or, once its head was sent, in a broken connection, and in time. In the end the gateway is closed, and nothing of it
// may be left. Ends with 1 where anything was otherwise.
import { parseArgs } from 'node:util'
import { sorted } from './chaos/counts.ts'
import { bodyDueMs, headDueMs } from './chaos/limits.ts'
import { type Report, runChaos } from './chaos/run.ts'
import { machine, writeResults } from './results.ts'

const slackMs = 3_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 30)) },
    environments: { type: 'string', default: '10' },
    clients: { type: 'string', default: '48' },
  },
})
const seconds = numberOf('seconds')
const seed = numberOf('seed')
const environments = numberOf('environments')
const clients = numberOf('clients')
if (process.platform !== 'linux') {
  console.error('What is left running is found as Linux tells it, and this is another system.')
  process.exit(2)
}

console.log(
  `Chaos for ${seconds} s, seed ${seed}: ${environments} environments, ${clients} clients. ${machine()}`,
)
const core = import.meta.resolve('@alcove/core')
const report = await runChaos({ core, seed, seconds, environments, clients, slackMs })
print(report)
const figures = Object.fromEntries(
  Object.entries(report).map(([name, value]) => [
    name,
    value instanceof Map ? Object.fromEntries(sorted(value as Map<string, number>)) : value,
  ]),
)
const written = await writeResults('chaos', { seed, seconds, environments, clients, ...figures })
console.log(`\n${written}`)
process.exitCode = report.violations.length === 0 ? 0 : 1

function print({ violations, requests, ...all }: Report): void {
  table(`${requests} requests`, byOutcome(all.outcomes))
  table('What was done to environments', all.actions)
  table('What callers asked the manager for', all.orders)
  table('Changes of state', all.transitions)
  table('What the manager told as problems', all.problems)
  console.log(
    `\n${all.started} instances were started. The slowest head came after ${seconds1(all.slowestHeadMs)} (due: ${seconds1(headDueMs)}), the slowest answer ended after ${seconds1(all.slowestMs)} (${seconds1(headDueMs + bodyDueMs)}). Closed in ${seconds1(all.closedInMs)}.`,
  )
  const verdict = violations.length === 0 ? 'met' : `MISSED, ${violations.length}`
  console.log(`\nno violation: ${verdict}`)
  for (const violation of violations.slice(0, 50)) console.log(`  ${violation}`)
  if (violations.length > 0) console.log(`  Again: npm run bench:chaos -- --seed ${seed}`)
}

/** Of all kinds of requests together. */
function byOutcome(outcomes: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const [what, count] of outcomes) {
    const outcome = what.slice(what.indexOf(': ') + 2)
    sums.set(outcome, (sums.get(outcome) ?? 0) + count)
  }
  return sums
}

function table(title: string, counts: ReadonlyMap<string, number>): void {
  console.log(`\n${title}\n`)
  for (const [what, count] of sorted(counts)) console.log(`${String(count).padStart(8)}  ${what}`)
}

function seconds1(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function numberOf(name: keyof typeof values): number {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= 1) return number
  console.error(`Expected --${name} to be a whole number from 1 on, got "${values[name]}".`)
  process.exit(2)
}
