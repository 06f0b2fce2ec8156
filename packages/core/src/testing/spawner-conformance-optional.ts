import assert from 'node:assert/strict'
import type { Json } from '../environment/spec.js'
import type { RecoveredInstance, Spawner } from '../spawning/spawner.js'
import type { SpawnerBench } from './spawner-bench.js'
import type { SpawnerSuite } from './spawner-suite.js'

/** What not every spawner can do: tested where its members and its capabilities say that it can. */
export function describeOptionalMembers<Run extends Json, Handle extends Json>(
  suite: SpawnerSuite<Run, Handle>,
): void {
  suite.test('recovers nothing that is another gateway’s', async (bench) => {
    await bench.running()
    assert.deepEqual(await recovered(bench, bench.spawner, `${bench.gateway}-other`), [])
  })

  suite.test(
    'recovers what a former spawner has left, until it is gone',
    'recovery',
    async (bench) => {
      const { handle, context, endpoint } = await bench.running()
      const reopen = suite.needed(bench.fixture.reopen?.bind(bench.fixture), 'reopen')
      await bench.closeSpawner()
      const later = await bench.within(reopen(), 'reopen() to resolve')
      try {
        const found = await recovered(bench, later, bench.gateway)
        assert.equal(found.length, 1, `it found ${JSON.stringify(found)}`)
        const [one] = found
        assert.ok(one)
        const { id, generation, owner, specHash } = context
        assert.deepEqual({ ...one, id, generation, owner, specHash }, one)
        const ageMs = Date.now() - one.createdAtMs
        assert.ok(ageMs > -5_000 && ageMs < 10 * 60_000, `it counts as ${ageMs} ms old`)
        const observed = await bench.observe(one.handle, [], later)
        assert.deepEqual(await observed.running(), endpoint)
        await bench.answers(one.handle, endpoint, later)
        const former = await bench.observe(handle, [], later)
        await former.running()
        await bench.stop(one.handle, 5_000, later)
        await Promise.all([observed.gone(), former.gone()])
        assert.deepEqual(await recovered(bench, later, bench.gateway), [])
      } finally {
        await later.close()
      }
    },
  )

  suite.test('suspends and resumes', async (bench) => {
    const { spawner } = bench
    const { suspend } = await spawner.capabilities(bench.signal())
    if (!suspend || !spawner.suspend || !spawner.resume) return 'its capabilities say that it can’t'
    const { handle, observed } = await bench.running()
    await bench.within(spawner.suspend(handle, bench.signal()), 'suspend() to resolve')
    await observed.suspended()
    assert.equal((await bench.present(handle)).is, 'suspended')
    await bench.within(spawner.resume(handle, bench.signal()), 'resume() to resolve')
    await bench.answers(handle, await observed.running())
    await bench.within(spawner.suspend(handle, bench.signal()), 'suspend() to resolve again')
    await bench.stop(handle)
    await observed.gone()
  })

  suite.test('tells what instances use, in the order of the question', async (bench) => {
    const { spawner } = bench
    if (!spawner.usage) return 'it has no `usage`'
    const [first, second] = [await bench.running(), await bench.running()]
    const before = await spawner.usage([first.handle, second.handle], bench.signal())
    assert.equal(before.length, 2)
    for (const usage of before) {
      assert.ok(usage && usage.cpuMs >= 0 && usage.memoryBytes > 0, JSON.stringify(usage))
    }
    assert.deepEqual(await spawner.usage([], bench.signal()), [])
    if (bench.fixture.notApplicable?.end) return
    await bench.stop(first.handle)
    const after = await spawner.usage([first.handle, second.handle], bench.signal())
    assert.equal(after[0], undefined)
    assert.ok(after[1])
  })

  suite.test('reads logs again, and follows them until the abort', async (bench) => {
    const { spawner, fixture } = bench
    if (!spawner.logs) return 'it has no `logs`'
    const { run, line } = suite.needed(fixture.printing, 'printing')
    const { handle, observed } = await bench.running(run)
    await observed.printed(line)
    const signal = bench.signal()
    const tail = await collected(spawner.logs(handle, { tailLines: 1_000, follow: false, signal }))
    assert.ok(tail.includes(line), `${JSON.stringify(line)} is not among ${JSON.stringify(tail)}`)
    const controller = new AbortController()
    const how = { tailLines: 1_000, follow: true, signal: controller.signal }
    const following = spawner.logs(handle, how)[Symbol.asyncIterator]()
    await bench.within(following.next(), 'the first of the lines that are followed')
    controller.abort(new Error('read enough'))
    const rest = collected({ [Symbol.asyncIterator]: () => following })
    await bench.within(Promise.allSettled([rest]), 'the lines to end with the abort')
  })

  suite.test('purges, also what is not there', async (bench) => {
    const { spawner } = bench
    if (!spawner.purge) return 'it has no `purge`'
    const { handle, context } = await bench.running()
    await bench.stop(handle)
    await bench.within(spawner.purge(context.id, bench.signal()), 'purge() to resolve')
    await bench.within(spawner.purge(context.id, bench.signal()), 'a second purge() to resolve')
    await bench.within(
      spawner.purge(bench.newId(), bench.signal()),
      'purge() of nothing to resolve',
    )
  })

  suite.test('dials', async (bench) => {
    const { spawner } = bench
    const { handle, endpoint } = await bench.running()
    if (endpoint.kind !== 'dial') return 'its endpoints can be connected to'
    assert.ok(spawner.dial, 'an endpoint of the kind "dial" needs a spawner with `dial`')
    const unwanted = spawner.dial(handle, AbortSignal.abort(new Error('not wanted')))
    await bench.rejection(unwanted, 'the aborted dial() to reject')
    const controller = new AbortController()
    const connection = await spawner.dial(handle, controller.signal)
    connection.on('error', () => {})
    const closed = new Promise((resolve) => connection.once('close', resolve))
    connection.resume().destroy()
    await bench.within(closed, 'the connection to close')
  })
}

async function recovered<Run extends Json, Handle extends Json>(
  bench: SpawnerBench<Run, Handle>,
  spawner: Spawner<Run, Handle>,
  gateway: string,
): Promise<readonly RecoveredInstance<Handle>[]> {
  return bench.within(collected(spawner.recover(gateway, bench.signal())), 'recover() to end')
}

async function collected<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
