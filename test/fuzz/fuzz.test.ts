// Random sequences of requests, sound and broken, with aborts and pauses from both sides, against a gateway before raw environments.
//
//   ALCOVE_FUZZ_RUNS=1000                       so many runs, however long they take
//   ALCOVE_FUZZ_SEED=1                          the same runs again
//   ALCOVE_FUZZ_SEED=1 ALCOVE_FUZZ_PATH=3:0:1   the one that a failure has printed
import { createServer } from 'node:http'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { scenarios } from './scenario/arbitraries.ts'
import { describeScenario } from './scenario/description.ts'
import { Runs } from './run.ts'
import type { Front, Scenario } from './scenario/scenario.ts'
import { smallest } from './scenario/smaller.ts'

/** How long each front is tried where no number of runs is given. */
const budgetMs = 9000
/** How long a failing case may be made smaller. */
const shrinkingMs = 60_000
/** How long the gateway may take to do what it has to. */
const patienceMs = 2000
/** Runs of one seed; the next ones have the next. */
const batch = 20

const { ALCOVE_FUZZ_PATH: path, ALCOVE_FUZZ_RUNS: runs } = process.env
// Where others wait for the result, the same runs each time; anybody else has new ones.
const anySeed = process.env['CI'] === undefined ? Math.floor(Math.random() * 2 ** 30) : 20_261_123
const firstSeed = Number(process.env['ALCOVE_FUZZ_SEED'] ?? anySeed)

// Before 22.21, Node.js lets go of connections under it, and not all of what is wrong there has been told from its own faults.
const isTold = 'shouldUpgradeCallback' in createServer()
if (!isTold)
  say(`Not fuzzed: Node.js ${process.version} lets go of connections that offer an upgrade`)

describe.skipIf(!isTold)(`a gateway under random requests (ALCOVE_FUZZ_SEED=${firstSeed})`, () => {
  it.each(['http1', 'http2'] as const)(
    'stays up, mixes nothing up and leaves nothing behind: %s in front',
    async (front) => {
      say(`Fuzzing ${front} with ALCOVE_FUZZ_SEED=${firstSeed}`)
      const until = performance.now() + budgetMs
      let played = 0
      for (let seed = firstSeed; ; seed += 1) {
        const numRuns = runs === undefined ? batch : Math.min(batch, Number(runs) - played)
        const failure = await tryOut(front, seed, numRuns)
        if (failure !== undefined) throw new Error(failure)
        played += numRuns
        if (path !== undefined) break
        if (runs === undefined ? performance.now() > until : played >= Number(runs)) break
      }
      say(`Fuzzed ${front}: ${played} runs`)
    },
    Number.POSITIVE_INFINITY,
  )
})

/** Plays random scenarios. @returns the report of one that went wrong, made as small as can be */
async function tryOut(front: Front, seed: number, numRuns: number): Promise<string | undefined> {
  await using all = new Runs()
  let wrong: readonly string[] = []
  const property = fc.asyncProperty(scenarios(front), async (scenario) => {
    wrong = await playOften(all, scenario, path === undefined ? 1 : 3, patienceMs)
    if (wrong.length === 0) return true
    // A machine that is busy elsewhere makes anything late once.
    const again = await playOften(all, scenario, 5, patienceMs * 2)
    if (again.length > 0) return false
    say(`Seen once, and not in five more tries: ${wrong.join('; ')}\n${describeScenario(scenario)}`)
    return true
  })
  const details = await fc.check(property, {
    seed,
    numRuns: path === undefined ? numRuns : 1,
    endOnFailure: true,
    ...(path !== undefined && { path }),
  })
  const [failing] = details.counterexample ?? []
  if (!failing) return undefined
  // Sockets are not the same twice: a smaller version has more than one chance to fail.
  const fails = (scenario: Scenario): Promise<readonly string[]> =>
    playOften(all, scenario, 3, patienceMs / 3)
  const small = await smallest(failing, fails, shrinkingMs)
  return [
    ...(small.wrong ?? wrong),
    '',
    describeScenario(small.scenario),
    '',
    `Again: ALCOVE_FUZZ_SEED=${seed} ALCOVE_FUZZ_PATH=${details.counterexamplePath ?? ''} (${front})`,
  ].join('\n')
}

async function playOften(
  all: Runs,
  scenario: Scenario,
  times: number,
  forMs: number,
): Promise<readonly string[]> {
  for (let i = 1; ; i += 1) {
    const wrong = await all.run(scenario, forMs)
    if (wrong.length > 0 || i === times) return wrong
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
