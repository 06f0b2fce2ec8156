import assert from 'node:assert/strict'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Contestant, type Result, type Score, compare } from './compare-run.ts'
import { failuresOf, sectionsTable, settingsTable, verdict } from './compare-table.ts'
import { nodePeer } from './peers/node-peer.ts'
import type { Outcome } from './run-case.ts'
import type { Case, Scene } from './subject.ts'

const passed: Outcome = { is: 'passed' }

function fixture(name: string): Contestant {
  return nodePeer({
    name,
    package: 'vitest',
    program: join(import.meta.dirname, 'peers/fixtures', `${name}.ts`),
    fronts: ['http1'],
    targets: ['tcp'],
  })
}

function row(name: string, run: Case['run'], section: Case['section'] = 'headers'): Case {
  return { section, name, fronts: ['http1'], targets: ['tcp'], run }
}

function outcomes({ results }: Score): Record<string, Outcome> {
  return Object.fromEntries(results.map((result) => [result.case, result.outcome]))
}

/** A case that asks for a path, and what it was answered. */
function asks(path: string, answers: string[] = []): Case['run'] {
  return async (scene) => {
    const client = await scene.client()
    answers.push((await client.ask({ path }).whole()).body)
  }
}

/** A case that makes the fixture crash, and does not mind. */
async function crash(scene: Scene): Promise<void> {
  const wire = await scene.wire()
  wire.send('GET /crash HTTP/1.1\r\nHost: shop.test\r\n\r\n')
  await wire.end()
}

it('counts a crash as one even where the case does not mind, and runs the next case against a fresh process', async () => {
  const pids: string[] = []
  const [score] = await compare(
    [fixture('crashing')],
    [
      row('before', asks('/', pids)),
      row('crash', crash),
      row('after', asks('/', pids)),
      row('the same', asks('/', pids)),
    ],
    { parallel: 1 },
  )
  assert(score)
  expect(outcomes(score)).toEqual({
    before: passed,
    crash: { is: 'crashed', reason: 'TypeError: told to (exited with code 1)' },
    after: passed,
    'the same': passed,
  })
  expect(pids[1]).not.toBe(pids[0])
  expect(pids[2]).toBe(pids[1])
  // None stays behind.
  for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
})

it('keeps a crash from the cases that run at the same time', async () => {
  let tell = (): void => {}
  const crashed = new Promise<void>((resolve) => (tell = resolve))
  const [score] = await compare(
    [fixture('crashing')],
    [
      row('crash', async (scene) => {
        await crash(scene)
        tell()
      }),
      row('beside', async (scene) => {
        const client = await scene.client()
        await client.ask().whole()
        await crashed
        await client.ask().whole()
      }),
    ],
    { parallel: 2 },
  )
  assert(score)
  expect(outcomes(score)['crash']?.is).toBe('crashed')
  expect(outcomes(score)['beside']).toEqual(passed)
})

it('fails the cases of one that can not be started, and goes on', async () => {
  const scores = await compare(
    [fixture('broken'), fixture('crashing')],
    [row('one', asks('/')), row('another', asks('/'))],
    { parallel: 2 },
  )
  const failed = {
    is: 'failed',
    reason: 'It did not start: RangeError: not today (exited with code 1)',
  }
  expect(scores.map(outcomes)).toEqual([
    { one: failed, another: failed },
    { one: passed, another: passed },
  ])
})

it('asks nothing of one that is missing, and no section of one that does without', async () => {
  const said: string[] = []
  const scores = await compare(
    [
      { ...fixture('broken'), name: 'missing', missing: () => 'it is not installed' },
      { ...fixture('crashing'), without: { upgrades: 'it has none' } },
    ],
    [row('asked', asks('/')), row('not asked', asks('/crash'), 'upgrades')],
    { parallel: 2, onScore: ({ name }) => said.push(name) },
  )
  expect(scores.map(outcomes)).toEqual([{}, { asked: passed }])
  expect(scores[0]?.missing).toBe('it is not installed')
  expect(said).toEqual(['crashing'])
})

const plain = { optional: undefined, tookMs: 1 }
const of = { section: 'headers', case: 'one', front: 'http1', target: 'tcp', ...plain } as const
const failed: Outcome = { is: 'failed', reason: 'it is blue' }
const crashed: Outcome = { is: 'crashed', reason: 'Error: ouch' }
const passedOnes = ['three', 'four', 'five', 'six'].map((name): Result => {
  return {
    section: 'framing',
    case: name,
    front: 'http1',
    target: 'tcp',
    optional: undefined,
    outcome: passed,
    tookMs: 1,
  }
})
const scores: readonly Score[] = [
  {
    name: 'good',
    version: '1.2.3',
    missing: undefined,
    without: undefined,
    results: [
      { ...of, outcome: passed },
      { ...of, target: 'unix', outcome: passed },
      { ...of, front: 'http2', section: 'upgrades', outcome: passed },
    ],
  },
  {
    name: 'not so good',
    version: '0.1.0',
    missing: undefined,
    without: { upgrades: 'it has none' },
    results: [
      { ...of, outcome: failed },
      { ...of, target: 'unix', case: 'two', outcome: crashed },
      ...passedOnes,
      { ...of, case: 'seven', optional: 'it may be blue', outcome: failed },
      { ...of, case: 'eight', front: 'http2', optional: 'it may be red', outcome: passed },
    ],
  },
  {
    name: 'away',
    version: undefined,
    missing: 'it is not installed',
    without: undefined,
    results: [],
  },
]

it('prints how many cases each has passed, by what is in front and behind, and by section', () => {
  expect(`${settingsTable(scores)}\n`).toBe(`\
|             |             version | HTTP/1.1, TCP | HTTP/1.1, Unix socket | HTTP/2, TCP |         all | optional | crashes |
| ----------- | ------------------: | ------------: | --------------------: | ----------: | ----------: | -------: | ------: |
| good        |               1.2.3 |           1/1 |                   1/1 |         1/1 | 3/3 (100 %) |        – |       0 |
| not so good |               0.1.0 |           4/5 |                   0/1 |           – |  4/6 (66 %) |      1/2 |       1 |
| away        | it is not installed |             – |                     – |           – |           – |        – |       – |
`)
  expect(`${sectionsTable(scores)}\n`).toBe(`\
|             | headers | framing | streaming | targets | upgrades | failures |
| ----------- | ------: | ------: | --------: | ------: | -------: | -------: |
| good        |     2/2 |       – |         – |       – |      1/1 |        – |
| not so good |     0/2 |     4/4 |         – |       – |        – |        – |
| away        |       – |       – |         – |       – |        – |        – |
`)
})

it('prints each case that failed with its reason, and a verdict', () => {
  expect(scores.map(failuresOf)).toEqual([
    [],
    [
      'not so good:',
      '  upgrades: not asked, it has none',
      '  headers: one (http1, tcp)',
      '    it is blue',
      '  headers: two (http1, unix)',
      '    crashed: Error: ouch',
      '  headers: seven (http1, tcp)',
      '    it is blue',
      '    optional: it may be blue',
    ],
    [],
  ])
  expect(verdict(scores.slice(0, 1))).toBe('Alcove passes all of 3.')
  expect(verdict(scores.slice(0, 2))).toBe('Alcove fails 3 of 11.')
})
