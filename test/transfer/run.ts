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
import { notMeasurable } from './resident-memory.ts'
import { judge, type Round, type Series } from './verdict.ts'

/** No further round is begun that would end later. */
const enoughSeconds = 300
const mostSeconds = 350

const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (notMeasurable !== undefined) {
  say(`${notMeasurable}: nothing was measured.`)
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
const rounds = await measure()
const verdicts = judge(all)
say(`Growth of resident memory at its peak in MiB, medians of ${rounds} rounds. ${machine()}\n`)
say(report(all, verdicts))
say(await writeResults('transfer', { verdicts, all }))
process.exitCode = verdicts.every((each) => each.growsNoMore && each.isNoMoreThanPeer) ? 0 : 1

async function measure(): Promise<number> {
  await using environment = await Program.start('environment')
  const began = performance.now()
  for (let done = 0; done < roundCount; done += 1) {
    const seconds = (performance.now() - began) / 1000
    if (done > 0 && (seconds / done) * (done + 1) > enoughSeconds) return done
    // In turns, so that what slows the machine down or fills it meets all alike.
    for (const series of all) series.rounds.push(await measureRound(environment, series))
  }
  return roundCount
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
