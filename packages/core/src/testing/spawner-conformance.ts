import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Json } from '../environment/spec.js'
import { AlcoveError } from '../errors.js'
import { describeOptionalMembers } from './spawner-conformance-optional.js'
import { describeEnds } from './spawner-conformance-ends.js'
import { type SkippingTestApi, SpawnerSuite } from './spawner-suite.js'
import type { SpawnerUnderTest } from './spawner-fixture.js'

/**
 * Tests that a spawner keeps every sentence of the {@link Spawner} contract.
 *
 * What does not apply is skipped, with the reason that the fixture gives, or that the spawner's own capabilities are.
 *
 * @param test - The test runner's own functions: vitest's or those of node:test.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test'
 * import { describeSpawner } from '@alcove/core/testing'
 *
 * describeSpawner({ describe, it }, {
 *   name: 'mine',
 *   make: async () => ({
 *     spawner: mySpawner(),
 *     run: { image: 'hello' },
 *     badRuns: [{}, { image: 7 }, { imgae: 'hello' }],
 *     failingRun: { image: 'missing' },
 *     leftovers: async () => await myEngine.list(),
 *     dispose: async () => {},
 *     notApplicable: { crash: '…' },
 *   }),
 * })
 * ```
 */
export function describeSpawner<Run extends Json, Handle extends Json>(
  test: SkippingTestApi,
  underTest: SpawnerUnderTest<Run, Handle>,
): void {
  const suite = new SpawnerSuite(test, underTest)
  test.describe(`spawner ${underTest.name}`, () => {
    describeSelf(suite)
    describeStart(suite)
    describeObserve(suite)
    describeEnds(suite)
    describeOptionalMembers(suite)
  })
}

function describeSelf<Run extends Json, Handle extends Json>(
  suite: SpawnerSuite<Run, Handle>,
): void {
  suite.test('has a name, a reach, and capabilities of the right form', async (bench) => {
    const { spawner } = bench
    assert.match(spawner.name, /^[a-z0-9][a-z0-9-]*$/)
    assert.ok(['process', 'host', 'network'].includes(spawner.reach), spawner.reach)
    const capabilities = await bench.within(spawner.capabilities(bench.signal()), 'capabilities()')
    assert.equal(typeof capabilities.suspend, 'boolean')
    assert.equal(typeof capabilities.survivesHost, 'boolean')
    assert.ok(['open', 'none', 'named'].includes(capabilities.egress), capabilities.egress)
    for (const limit of capabilities.limits) {
      assert.ok(['memory', 'cpu', 'pids', 'disk'].includes(limit), limit)
    }
    for (const { feature, reason, remedy } of capabilities.missing) {
      for (const text of [feature, reason, remedy]) {
        assert.ok(typeof text === 'string' && text !== '', 'what is missing is told in words')
      }
    }
    if (capabilities.suspend) {
      assert.ok(spawner.suspend && spawner.resume, 'it claims to suspend, and lacks the members')
    }
  })

  suite.test(
    'checks runs: lets good ones pass, and says of bad ones what is wrong',
    async (bench) => {
      const { fixture, spawner } = bench
      const capabilities = await spawner.capabilities(bench.signal())
      for (const run of goodRuns(fixture)) {
        assert.equal(spawner.check(run, capabilities), undefined)
      }
      assert.ok(fixture.badRuns.length > 0, 'Expected `badRuns` of the fixture to hold one or more')
      for (const run of fixture.badRuns) {
        const what = `check() on ${inspect(run)}`
        try {
          spawner.check(run as Run, capabilities)
        } catch (error) {
          assert.ok(
            error instanceof AlcoveError,
            `${what} threw what is no AlcoveError: ${String(error)}`,
          )
          assert.ok(error.reason.length > 20, `${what} gave no sentence: ${error.reason}`)
          continue
        }
        assert.fail(`${what} let it pass`)
      }
    },
  )

  suite.test('closes twice, and instances stay', async (bench) => {
    const { handle, endpoint } = await bench.running()
    await bench.closeSpawner()
    await bench.closeSpawner()
    if (endpoint.kind !== 'dial') await bench.answers(handle, endpoint)
  })
}

function goodRuns<Run extends Json, Handle extends Json>(
  fixture: Awaited<ReturnType<SpawnerUnderTest<Run, Handle>['make']>>,
): readonly Run[] {
  const { run, failingRun, stubbornRun, slow, printing, crashing } = fixture
  return [run, failingRun, stubbornRun, slow?.run, printing?.run, crashing?.run].filter(
    (candidate) => candidate !== undefined,
  )
}

function describeStart<Run extends Json, Handle extends Json>(
  suite: SpawnerSuite<Run, Handle>,
): void {
  suite.test('starts what answers, under a handle that JSON can carry', async (bench) => {
    const { observed } = await bench.running()
    assert.equal(observed.ends, 0)
  })

  suite.test('gives each instance a handle of its own', async (bench) => {
    const id = bench.newId()
    const first = await bench.start(undefined, { id, generation: 1 })
    const second = await bench.start(undefined, { id, generation: 2 })
    const other = await bench.start(undefined, { generation: 1 })
    assert.notDeepEqual(first.handle, second.handle, 'two generations have one handle')
    assert.notDeepEqual(first.handle, other.handle, 'two environments have one handle')
  })

  suite.test('starts several at the same time', async (bench) => {
    const started = await Promise.all([bench.running(), bench.running(), bench.running()])
    assert.equal(new Set(started.map(({ handle }) => JSON.stringify(handle))).size, 3)
  })

  suite.test('starts nothing where the signal is aborted already', async (bench) => {
    const { context } = bench.context({ signal: AbortSignal.abort(new Error('not wanted')) })
    const starting = bench.spawner.start(bench.fixture.run, context)
    await bench.rejection(starting, 'the aborted start() to reject')
    await bench.assertNothingLeft()
  })

  suite.test(
    'leaves nothing of a start that is aborted in its middle',
    'slow start',
    async (bench) => {
      const { run, begun } = suite.needed(bench.fixture.slow, 'slow')
      const controller = new AbortController()
      const { context } = bench.context({ signal: controller.signal })
      const starting = bench.spawner.start(run, context)
      await Promise.race([bench.within(begun(), 'the start to have begun'), starting])
      controller.abort(new Error('not wanted any more'))
      await bench.rejection(starting, 'the aborted start() to reject')
      await bench.assertNothingLeft()
    },
  )

  suite.test('leaves nothing of a start that fails, and says why', 'failure', async (bench) => {
    const run = suite.needed(bench.fixture.failingRun, 'failingRun')
    const { context } = bench.context()
    const error = await bench.rejection(bench.spawner.start(run, context), 'start() to reject')
    assert.ok(error instanceof AlcoveError, `It is no AlcoveError: ${String(error)}`)
    await bench.assertNothingLeft()
  })
}

function describeObserve<Run extends Json, Handle extends Json>(
  suite: SpawnerSuite<Run, Handle>,
): void {
  suite.test('tells two observers the same', async (bench) => {
    const { handle, endpoint } = await bench.running()
    const [one, two] = await Promise.all([bench.observe(handle), bench.observe(handle)])
    assert.deepEqual(await one.running(), endpoint)
    assert.deepEqual(await two.running(), endpoint)
  })

  suite.test('tells an aborted observer nothing more', 'end', async (bench) => {
    const { handle, observed } = await bench.running()
    const other = await bench.observe(handle)
    await other.running()
    observed.abort()
    const told = observed.statuses.length
    await bench.stop(handle)
    // The other is told of the end, so that the aborted one would have been.
    await other.gone()
    assert.equal(observed.statuses.length, told)
  })

  suite.test('tells what an instance prints, each line once', 'logs', async (bench) => {
    const { run, line } = suite.needed(bench.fixture.printing, 'printing')
    const { observed } = await bench.running(run)
    await observed.printed(line)
    assert.equal(observed.lines.filter((other) => other === line).length, 1)
  })
}
