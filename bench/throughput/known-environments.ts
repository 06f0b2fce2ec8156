import { type RunningGateway, startGateway } from '../gateways/index.ts'
import { checkAnswers } from '../load/answers.ts'
import type { WrkLoad } from '../load/wrk.ts'
import { compare, figuresOf, slicesTable } from './comparison.ts'
import type { Section } from './section.ts'
import { processesEach } from './fleet.ts'
import { measureSlices } from './slices.ts'

const knownCount = 10_000
const runningCount = 64
const one = 'one environment'
const many = `${knownCount.toLocaleString('en')} known, ${runningCount} run`

/**
 * A gateway that has created 10,000 environments, of which the last 64 run and are asked in turns, beside one that has one.
 * The same script asks both, so that the load costs the same.
 */
export const knownEnvironments: Section = {
  name: 'known',
  async measure(bench) {
    const { cores, upstream } = bench
    const before = { upstream: upstream.tcp, core: cores.gateways }
    const environments = { known: knownCount, running: runningCount }
    await using processes = new AsyncDisposableStack()
    const [lone, crowded]: [RunningGateway[], RunningGateway[]] = [[], []]
    while (lone.length < processesEach(bench.isQuick)) {
      bench.progress(`creating ${knownCount} environments`)
      lone.push(processes.use(await startGateway('alcove', before)))
      crowded.push(processes.use(await startGateway('alcove', { ...before, environments })))
    }
    for (const { port } of lone) await checkAnswers(one, port)
    for (const { port } of crowded) await checkAnswers(many, port)
    const measured = await measureSlices(bench, [
      { name: one, gateways: lone, load: asking(1) },
      { name: many, gateways: crowded, load: asking(runningCount) },
    ])
    const target = { atLeast: 0.95 }
    const comparison = { what: `${many} / ${one}`, judged: many, compared: one, target }
    return {
      title: 'A GET that is answered with 27 bytes, by environments in turns',
      table: slicesTable(measured),
      verdicts: compare(measured, [comparison], bench.random),
      figures: figuresOf(measured),
    }
  },
}

function asking(environments: number): Pick<WrkLoad, 'path' | 'script' | 'words'> {
  return { path: '/', script: 'environments.lua', words: [1, environments] }
}
