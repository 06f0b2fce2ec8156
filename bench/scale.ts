// npm run bench:scale [-- --rounds <number>]
//
// What environments cost that are known and do not run, and those that run: their memory, and what it costs to route to one, and to make
// room for one, with 1, 100, 10,000 and 100,000 of them.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { machine, writeResults } from './results.ts'
import { type Round, type RunningFigures, sizes, type StoppedFigures } from './scale/figures.ts'
import { type Estimate, median, ratioOfMedians, seededRandom } from './statistics.ts'
import { tableText } from './throughput/table.ts'

const mostHeapBytes = 1_024
/** Beside the smallest size; what is flat within the noise. */
const mostRatio = 1.25
/** What a program of a usual kind prints before it is ready. */
const logLines = 100
/** So many that all of them are kept that may be. */
const keptCount = 1_000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '40' } } })
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 5) {
  console.error(`Expected --rounds to be a whole number from 5 on, got "${values.rounds}".`)
  process.exit(2)
}

const random = seededRandom(1)
const verdicts: { readonly what: string; readonly said: string; readonly met: boolean }[] = []
console.log(`Environments by their number. ${machine()}`)
const stopped = await measureStopped()
const running = await measureRunning()
const costs = await measureCosts()
console.log(`\n${tableText({ titles: ['target', '', ''], lines: verdicts.map(lineOf) })}`)
const figures = { mostHeapBytes, mostRatio, sizes, stopped, running, costs, verdicts }
console.log(`\n${await writeResults('scale', figures)}`)
process.exitCode = verdicts.every(({ met }) => met) ? 0 : 1

async function measureStopped(): Promise<object> {
  const bySize = []
  for (const size of sizes) bySize.push(await run<StoppedFigures>('stopped', size))
  const kept = await run<StoppedFigures>('stopped', keptCount)
  const talkative = await run<StoppedFigures>('stopped', keptCount, logLines)
  const line = (what: string, { heapBytesEach, told }: StoppedFigures): readonly string[] => [
    what,
    heapBytesEach.toFixed(0),
    String(told),
  ]
  print(
    'Run once, and stopped',
    ['environments', 'heap, bytes each', 'still told of'],
    [
      ...bySize.map((its, index) => line(String(sizes[index]), its)),
      line(`${keptCount}, all of them told of`, kept),
      line(`${keptCount}, with ${logLines} lines of log each`, talkative),
    ],
  )
  const judged: [string, StoppedFigures | undefined][] = [
    [`each of ${sizes.at(-1)} known`, bySize.at(-1)],
    // Lines of log come on top, 20 of each at the most; there are never more than these.
    ['each that is told of', kept],
  ]
  for (const [what, its] of judged) {
    const bytes = its?.heapBytesEach ?? Number.NaN
    verdicts.push({
      what: `heap of ${what}, stopped`,
      said: `${bytes.toFixed(0)} bytes, at most ${mostHeapBytes}`,
      met: bytes <= mostHeapBytes,
    })
  }
  return { bySize, kept, talkative }
}

async function measureRunning(): Promise<readonly RunningFigures[]> {
  const bySize: RunningFigures[] = []
  for (const size of sizes) bySize.push(await run<RunningFigures>('running', size))
  print(
    'Running, and idle',
    ['environments', 'heap, bytes each', 'CPU of all, ms a second'],
    bySize.map(({ heapBytesEach, idleCpuMs }, index) => [
      String(sizes[index]),
      heapBytesEach.toFixed(0),
      idleCpuMs.toFixed(1),
    ]),
  )
  return bySize
}

async function measureCosts(): Promise<object> {
  const measured = await run<readonly Round[]>('costs', rounds)
  const kinds = [
    ['route', 'route to one of 64, busy and idle again'],
    ['routeAny', 'the same to any of all'],
    ['makeRoom', 'a start that makes room'],
  ] as const
  const all: {
    readonly what: string
    readonly us: readonly number[]
    readonly ratios: readonly Estimate[]
  }[] = []
  for (const [kind, what] of kinds) {
    const of = (index: number): number[] =>
      measured.map((round) => round[kind][index] ?? Number.NaN)
    // With a single one, nothing else is in the processor's caches, nor ever to be looked for among others.
    const smallest = of(1)
    const ratios = sizes.map((_, index) =>
      ratioOfMedians(
        of(index).map((us, round) => [us, smallest[round] ?? Number.NaN] as const),
        random,
        { resamples: 2_000 },
      ),
    )
    all.push({ what, us: sizes.map((_, index) => median(of(index))), ratios })
    if (kind === 'routeAny') continue
    for (const [index, size] of sizes.entries()) {
      const ratio = ratios[index]
      if (size <= 100 || !ratio) continue
      verdicts.push({
        what: `${what}: ${size} / 100`,
        said: `${ratio.value.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}), at most ${mostRatio}`,
        met: ratio.value <= mostRatio,
      })
    }
  }
  print(
    `Microseconds of each, medians of ${rounds} rounds in turns`,
    ['', ...sizes.map(String)],
    all.map(({ what, us }) => [what, ...us.map((each) => each.toFixed(2))]),
  )
  return all
}

/** In a process of its own, whose heap nobody else has used. */
async function run<Figures>(program: string, ...words: readonly number[]): Promise<Figures> {
  const path = join(import.meta.dirname, 'scale/programs', `${program}.ts`)
  const flags = ['--expose-gc', '--max-old-space-size=6000']
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    path,
    ...words.map(String),
  ])
  return JSON.parse(stdout) as Figures
}

function print(
  title: string,
  titles: readonly string[],
  lines: readonly (readonly string[])[],
): void {
  console.log(`\n${title}\n\n${tableText({ titles, lines })}`)
}

function lineOf({ what, said, met }: (typeof verdicts)[number]): readonly string[] {
  return [what, said, met ? 'met' : 'MISSED']
}
