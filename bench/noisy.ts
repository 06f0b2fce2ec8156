// npm run bench:noisy [-- --flood <a to e>] [--rounds <number>] [--rate <requests a second>] [--quick]
//
// What a quiet environment has to wait while another one is flooded: alone; past the gateway (the floor that this machine's
// scheduler sets); through Alcove, http-proxy and nginx. The gateway has a core of its own; environments, floods and clients
// share the other one. The quiet client comes first on that, where the user may say so, in all phases alike. Rounds of all
// phases, in another order each time. Ends with 1 where a target is missed.
import { burners, Environments } from './noisy/environments.ts'
import { floods, type FloodKind, type FloodLetter } from './noisy/floods/index.ts'
import { gatewayNames, Gateways } from './noisy/gateways.ts'
import { HeldRateClient } from './noisy/held-rate-client.ts'
import { type Bench, type Chunk, Measurement, warmUp } from './noisy/measurement.ts'
import { type NoisyOptions, parseOptions } from './noisy/options.ts'
import { extentFor, type PhaseName, planFor } from './noisy/plan.ts'
import { firstPriority } from './noisy/priority.ts'
import { report } from './noisy/report.ts'
import { missing } from './noisy/requirements.ts'
import { type Judgement, judge, type Phases, quietLatency } from './noisy/verdict.ts'
import { machine, writeResults } from './results.ts'
import { seededRandom } from './statistics.ts'

const random = seededRandom(1)
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** All that was started and is to be ended. */
const running = new AsyncDisposableStack()
let interruption: number | undefined
process.on('SIGINT', () => interrupt(130)).on('SIGTERM', () => interrupt(143))

const options = optionsOrExit(process.argv.slice(2))
const lacking = missing()
if (lacking !== undefined) {
  say(lacking)
  process.exit(2)
}

try {
  const results = await measure(options)
  say(await writeResults('noisy', { ...options, results }))
  process.exitCode = results.every(({ judgements }) => judgements.every(({ met }) => met)) ? 0 : 1
} catch (error) {
  // What was being measured fails when it is taken away.
  if (interruption === undefined) throw error
  process.exitCode = interruption
} finally {
  await running.disposeAsync()
}

interface Result {
  readonly flood: string
  readonly judgements: readonly Judgement[]
  readonly phases: Readonly<Record<string, readonly Chunk[]>>
}

async function measure({
  letters,
  rounds,
  quietPerSecond,
  isQuick,
}: NoisyOptions): Promise<readonly Result[]> {
  say(`A quiet environment at ${quietPerSecond} requests a second. ${machine()}`)
  say(`Its client is ${firstPriority().what}.\n`)
  const burning = running.use(await Environments.start(burners))
  const gateways = running.use(await Gateways.start(burning.routes))
  const quiet = running.use(await HeldRateClient.start())
  const attacked = running.use(await HeldRateClient.start())
  const bench = { gateways, clients: { quiet, attacked }, quietPerSecond }
  for (const name of gatewayNames) await warmUp(gateways.get(name))
  const measured: Result[] = []
  for (const kind of floods.filter(({ letter }) => letters.includes(letter))) {
    const extent = extentFor(kind.letter, rounds, isQuick)
    const phases = await measureFlood(bench, kind, extent)
    const judgements = judge(kind.letter, phases, random)
    say(report(kind, phases, judgements))
    measured.push({ flood: kind.letter, judgements, phases: Object.fromEntries(phases) })
  }
  return measured
}

async function measureFlood(
  bench: Bench,
  kind: FloodKind,
  { rounds, samples }: { readonly rounds: number; readonly samples: number },
): Promise<Phases> {
  const plan = planFor(kind.letter)
  const all = [...plan.first, ...plan.rest]
  const phases = new Map<PhaseName, Chunk[]>(all.map(({ name }) => [name, []]))
  const measurement = new Measurement(bench, kind)
  for (let round = 0; round < rounds; round += 1) {
    for (const phase of [...plan.first, ...shuffled(plan.rest)]) {
      const chunk = await measurement.phase(phase, samples)
      phases.get(phase.name)?.push(chunk)
      process.stderr.write(`${progress(kind.letter, round, phase.name, chunk)}\n`)
    }
  }
  return phases
}

/** Ends what runs, and waits for that; the second time, what was started is killed on exit, and its temporary files go. */
function interrupt(exitCode: number): void {
  if (interruption !== undefined) process.exit(exitCode)
  interruption = exitCode
  void running.disposeAsync()
}

/** A full run takes many minutes: something is to be seen of it. */
function progress(letter: FloodLetter, round: number, name: PhaseName, chunk: Chunk): string {
  const seconds = (performance.now() / 1000).toFixed(0).padStart(4)
  const p99 = quietLatency([chunk], 0.99).toFixed(2)
  return `${seconds} s  (${letter}) round ${round + 1}: ${name}, quiet p99 ${p99} ms`
}

function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  const keyed = items.map((item) => ({ item, key: random() }))
  return keyed.sort((one, other) => one.key - other.key).map(({ item }) => item)
}

function optionsOrExit(words: readonly string[]): NoisyOptions {
  try {
    return parseOptions(words)
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    process.exit(2)
  }
}
