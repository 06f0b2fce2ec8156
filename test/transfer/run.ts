// npm run test:transfer [-- --rounds <number>]
//
// How much a gateway's resident memory grows during a transfer of 1 GiB, and of 4 GiB, and http-proxy's beside it. All that is
// transferred is compared at both ends. Ends with 1 where a bound is broken.
import { parseArgs } from 'node:util'
import { machine, writeResults } from '../../bench/results.ts'
import { gibibyte, mebibyte } from './content.ts'
import { GrowingGateway } from './growing-gateway.ts'
import { Program } from './program.ts'
import { report } from './report.ts'
import { notObservable } from './observed-process.ts'
import { isMet, judge, type Round, type Series } from './verdict.ts'

/** Rounds beside the usual ones of what looks too much, which may be chance. */
const moreRounds = 2
/** No further round is begun that would end later. */
const enoughSeconds = 320
const mostSeconds = 355

const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (notObservable !== undefined) {
  say(`${notObservable}: nothing was measured.`)
  process.exit(0)
}
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const roundCount = Number(values.rounds)
if (!Number.isInteger(roundCount) || roundCount < 1) {
  say(`Expected --rounds to be a whole number from 1 on, got "${values.rounds}".`)
  process.exit(2)
}
setTimeout(() => {
  say(`FAILED: it is not done after ${mostSeconds} s.`)
  // The other processes end with this one.
  process.exit(1)
}, mostSeconds * 1000).unref()

const all: readonly Series[] = [
  { proxy: 'alcove', front: 'http1', direction: 'download', rounds: [] },
  { proxy: 'http-proxy', front: 'http1', direction: 'download', rounds: [] },
  { proxy: 'alcove', front: 'http1', direction: 'upload', rounds: [] },
  { proxy: 'http-proxy', front: 'http1', direction: 'upload', rounds: [] },
  { proxy: 'alcove', front: 'http1', direction: 'chunked upload', rounds: [] },
  { proxy: 'http-proxy', front: 'http1', direction: 'chunked upload', rounds: [] },
  // http-proxy speaks HTTP/1.1 alone.
  { proxy: 'alcove', front: 'http2', direction: 'download', rounds: [] },
  { proxy: 'alcove', front: 'http2', direction: 'upload', rounds: [] },
]
await measure()
const verdicts = judge(all)
say(`Growth of resident memory at its peak in MiB; medians. ${machine()}\n`)
say(report(all, verdicts))
say(await writeResults('transfer', { verdicts, all }))
process.exitCode = verdicts.every(isMet) ? 0 : 1

async function measure(): Promise<void> {
  await using environment = await Program.start('environment')
  const began = performance.now()
  const isInTime = (some: readonly Series[]): boolean => {
    const theirs = some.reduce((sum, { rounds }) => sum + (rounds.at(-1)?.seconds ?? 0), 0)
    return (performance.now() - began) / 1000 + theirs <= enoughSeconds
  }
  for (let round = 0; round < roundCount + moreRounds; round += 1) {
    const some = round < roundCount && isInTime(all) ? all : missed()
    if (some.length === 0 || !isInTime(some)) return
    // In turns, so that what slows the machine down or fills it meets all alike.
    for (const series of some) series.rounds.push(await measureRound(environment, series))
  }
}

/** Those that look too much so far, and what they are compared with. */
function missed(): readonly Series[] {
  const missing = judge(all).filter((verdict) => !isMet(verdict))
  return all.filter(({ front, direction }) =>
    missing.some(({ series }) => series.front === front && series.direction === direction),
  )
}

async function measureRound(
  environment: Program,
  { proxy, front, direction }: Series,
): Promise<Round> {
  await using gateway = await GrowingGateway.before(environment, front, { proxy })
  const began = performance.now()
  const little = await gateway.growthBytesDuring(direction, gibibyte)
  const much = await gateway.growthBytesDuring(direction, 4 * gibibyte)
  const seconds = (performance.now() - began) / 1000
  return { littleMib: little / mebibyte, muchMib: much / mebibyte, seconds }
}
