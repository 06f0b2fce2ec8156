import assert from 'node:assert/strict'
import type { Json } from '../environment/spec.js'
import type { SpawnerSuite } from './spawner-suite.js'

/** How instances end, and what is left of them. */
export function describeEnds<Run extends Json, Handle extends Json>(
  suite: SpawnerSuite<Run, Handle>,
): void {
  suite.test(
    'stops: nothing answers any more, and each observer is told once',
    'end',
    async (bench) => {
      const { handle, observed, endpoint } = await bench.running()
      const other = await bench.observe(handle)
      await bench.stop(handle)
      await Promise.all([observed.gone(), other.gone()])
      await bench.isSilent(handle, endpoint)
      assert.equal((await bench.present(handle)).is, 'gone')
      // Whatever is told by mistake has been told by now.
      await bench.closeSpawner()
      assert.deepEqual([observed.ends, other.ends], [1, 1])
      await bench.assertNothingLeft()
    },
  )

  suite.test('stops what is stopped, or being stopped, already', async (bench) => {
    const { handle } = await bench.running()
    await Promise.all([bench.stop(handle), bench.stop(handle, 0), bench.stop(handle)])
    await bench.stop(handle)
  })

  suite.test('stops what has only just been started', async (bench) => {
    const { handle } = await bench.start()
    await bench.stop(handle, 0)
    if (!bench.fixture.notApplicable?.end) {
      assert.equal((await bench.present(handle)).is, 'gone')
    }
  })

  suite.test('stops what does not end when it is politely asked', 'grace', async (bench) => {
    const run = suite.needed(bench.fixture.stubbornRun, 'stubbornRun')
    const { handle, observed, endpoint } = await bench.running(run)
    await bench.stop(handle, 100)
    await observed.gone()
    await bench.isSilent(handle, endpoint)
  })

  suite.test('stops one incarnation only', 'end', async (bench) => {
    const id = bench.newId()
    const first = await bench.running(undefined, { id, generation: 1 })
    const second = await bench.running(undefined, { id, generation: 2 })
    await bench.stop(first.handle)
    await first.observed.gone()
    await bench.answers(second.handle, second.endpoint)
    const third = await bench.running(undefined, { id, generation: 3 })
    await bench.stop(first.handle)
    await bench.stop(second.handle)
    await bench.answers(third.handle, third.endpoint)
    assert.equal((await bench.present(first.handle)).is, 'gone')
    assert.equal((await bench.present(third.handle)).is, 'running')
    assert.equal(third.observed.ends, 0)
  })

  suite.test(
    'tells how an instance ended by itself, after all that it printed',
    'crash',
    async (bench) => {
      const { run, line, exit } = suite.needed(bench.fixture.crashing, 'crashing')
      const { handle, lines } = await bench.start(run)
      const observed = await bench.observe(handle, lines)
      assert.deepEqual({ ...(await observed.gone()), ...exit }, await observed.gone())
      if (line !== undefined) {
        assert.ok(
          observed.lines.slice(0, observed.linesAtEnd).includes(line),
          `${JSON.stringify(line)} was not told before the end`,
        )
      }
      assert.equal((await bench.present(handle)).is, 'gone')
      await bench.stop(handle)
      assert.equal(observed.ends, 1)
      await bench.assertNothingLeft()
    },
  )
}
