// `npm run bench:chaos` for a few seconds: environments are killed, frozen and broken at random while they are asked.
//
//   ALCOVE_CHAOS_SEED=1 ALCOVE_CHAOS_SECONDS=60   what a failure has printed, and longer
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runChaos } from '../../bench/chaos/run.ts'
import { type BuiltCore, buildCore } from '../transfer/built-core.ts'

// Where others wait for the result, the same requests and actions each time; anybody else has new ones.
const anySeed = process.env['CI'] === undefined ? Math.floor(Math.random() * 2 ** 30) : 20_261_128
const seed = Number(process.env['ALCOVE_CHAOS_SEED'] ?? anySeed)
const seconds = Number(process.env['ALCOVE_CHAOS_SECONDS'] ?? 4)
/** Nobody has said how much else the machine does. */
const slackMs = 15_000

const isLinux = process.platform === 'linux'
if (!isLinux) {
  process.stderr.write('No chaos: what is left running is found as Linux tells it.\n')
}

describe.skipIf(!isLinux)(`a gateway in chaos (ALCOVE_CHAOS_SEED=${seed})`, () => {
  let core: BuiltCore
  beforeAll(async () => {
    core = await buildCore()
  })
  afterAll(() => core.remove())

  it('answers wholly, says why not, or breaks off; and leaves nothing behind', async () => {
    process.stdout.write(`Chaos with ALCOVE_CHAOS_SEED=${seed}\n`)
    const report = await runChaos({
      core: core.url,
      seed,
      seconds,
      environments: 4,
      clients: 12,
      slackMs,
    })
    expect(report.violations).toEqual([])
    // Otherwise nothing was tried.
    expect(report.requests).toBeGreaterThan(0)
    expect(report.actions.size).toBeGreaterThan(0)
  }, 240_000)
})
