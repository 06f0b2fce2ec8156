import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { failure, managerBench, type ManagerBench, settle } from './bench.fixture.js'

const first = { run: { version: 1 } }
const second = { run: { version: 2 } }

async function running(options: Parameters<typeof managerBench>[0] = {}): Promise<ManagerBench> {
  const bench = managerBench(options)
  await bench.manager.create('a', first)
  return bench
}

/** A replacement whose new instance is being started. */
async function replacing(bench: ManagerBench): Promise<{
  readonly open: () => void
  readonly created: Promise<unknown>
}> {
  const open = bench.spawner.holdStarts()
  const started = once(bench.spawner.events, 'started')
  const created = bench.manager.create('a', second)
  created.catch(() => {})
  await started
  return { open, created }
}

describe('a changed spec', () => {
  it('starts beside what serves, which goes on until the new instance is ready', async () => {
    const bench = await running()
    const { manager, spawner } = bench
    const { open, created } = await replacing(bench)
    expect(manager.acquireReady('a')?.generation).toBe(1)
    expect(manager.explain('a')).toMatchObject({
      generation: 1,
      replacement: { generation: 2, state: 'starting' },
    })
    open()
    await created
    expect(manager.explain('a')).toMatchObject({ generation: 2, replacement: undefined })
    expect(manager.acquireReady('a')?.generation).toBe(2)
    expect([...spawner.running.keys()]).toContain('a#2')
  })

  it('never has a moment in which neither serves', async () => {
    const bench = await running()
    const served: (number | undefined)[] = []
    bench.manager.on('transition', () => served.push(bench.manager.acquireReady('a')?.generation))
    await bench.manager.create('a', second)
    expect(served.length).toBeGreaterThan(3)
    expect(served).not.toContain(undefined)
    expect(new Set(served)).toEqual(new Set([1, 2]))
  })

  it('drains what the old instance serves, and stops it then', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    const lease = await manager.acquire('a')
    const revoked: string[] = []
    lease.onRevoke((why) => revoked.push(why))
    await manager.create('a', second)
    await settle(clock)
    expect(revoked).toEqual(['drain'])
    expect(spawner.stopped).toEqual([])
    expect(lease.endpoint).toMatchObject({ port: 1_001 })
    lease.release()
    await settle(clock)
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.get('a')?.state).toBe('ready')
  })

  it('waits for that no longer than `drainTimeoutMs`', async () => {
    const bench = await running({ drainTimeoutMs: 7_000 })
    await bench.manager.acquire('a')
    await bench.manager.create('a', second)
    await bench.clock.advance(6_999)
    expect(bench.spawner.stopped).toEqual([])
    await bench.clock.advance(1)
    expect(bench.spawner.stopped).toEqual(['a#1'])
  })

  it('leaves the old instance serving where the new one fails', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    spawner.failStarts(new Error('no such image'))
    expect((await failure(manager.create('a', second))).message).toContain('no such image')
    expect(manager.explain('a')).toMatchObject({
      state: 'ready',
      generation: 1,
      failure: undefined,
    })
    spawner.failStarts(undefined)
    // And its spec is what it is started with again.
    await manager.restart('a')
    await settle(clock)
    expect(manager.explain('a').specHash).toBe((await specHashOf(first)).hash)
  })

  it('leaves it serving where the new one ends before it is ready', async () => {
    const bench = await running()
    bench.spawner.crashAtStart({ reason: 'exited', exitCode: 3 })
    expect((await failure(bench.manager.create('a', second))).message).toContain(
      'exited with code 3',
    )
    expect(bench.manager.acquireReady('a')?.generation).toBe(1)
    expect(bench.spawner.stopped).not.toContain('a#1')
  })

  it('takes no second place', async () => {
    const bench = await running({ maxEnvironments: 1, maxPerOwner: 1 })
    await bench.manager.create('a', second)
    await settle(bench.clock)
    await bench.manager.stop('a')
    await bench.manager.create('b', first)
    expect(bench.manager.get('b')?.state).toBe('ready')
  })

  it('is made once for all who ask for the same, and one after the other for others', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    const third = { run: { version: 3 } }
    await Promise.all([
      manager.create('a', second),
      manager.create('a', second),
      manager.create('a', third),
    ])
    await settle(clock)
    expect(spawner.started).toEqual(['a#1', 'a#2', 'a#3'])
    expect(spawner.stopped).toEqual(['a#1', 'a#2'])
    expect(manager.explain('a').specHash).toBe((await specHashOf(third)).hash)
  })

  it('is nothing where it runs already', async () => {
    const bench = await running()
    await bench.manager.create('a', { run: { version: 1 }, owner: 'somebody' })
    expect(bench.spawner.started).toEqual(['a#1'])
  })

  it('waits for its turn, and is called off with those who asked no sooner than it has begun', async () => {
    const bench = await running({ maxConcurrentStarts: 1 })
    const { manager, spawner } = bench
    const open = spawner.holdStarts()
    const started = once(spawner.events, 'started')
    const other = manager.create('b', first)
    await started
    const created = manager.create('a', second)
    await settle(bench.clock)
    expect(manager.explain('a').replacement).toEqual({ generation: 2, state: 'queued' })
    open()
    await Promise.all([other, created])
    expect(manager.explain('a').generation).toBe(2)
  })
})

async function specHashOf(spec: {
  run: { version: number }
}): Promise<{ hash: string | undefined }> {
  const { manager } = managerBench()
  await manager.create('a', spec)
  return { hash: manager.explain('a').specHash }
}

describe('replace()', () => {
  it('starts a new instance of the same spec', async () => {
    const { manager, spawner, clock } = managerBench()
    await manager.create('a')
    await manager.replace('a')
    await settle(clock)
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 2 })
  })

  it('asks `specFor` what to run now', async () => {
    let version = 1
    const { manager, clock } = managerBench({ specFor: () => ({ run: { version } }) })
    await manager.create('a')
    const before = manager.explain('a').specHash
    version = 2
    await manager.replace('a')
    await settle(clock)
    expect(manager.explain('a').specHash).not.toBe(before)
  })

  it('starts it where nothing runs', async () => {
    const { manager } = managerBench()
    await manager.replace('a')
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 1 })
  })
})

describe('what comes in between', () => {
  it('a crash of the old instance: whoever comes waits for the new one', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    const { open, created } = await replacing(bench)
    spawner.crash('a')
    await settle(clock)
    const visitor = manager.acquire('a')
    await settle(clock)
    open()
    await created
    expect((await visitor).generation).toBe(2)
    expect(spawner.started).toEqual(['a#1', 'a#2'])
    expect(manager.explain('a').failure).toBeUndefined()
  })

  it('a crash of the old one, and a new one that fails too: the place is free', async () => {
    const bench = await running({ maxEnvironments: 1, maxConsecutiveFailures: 1 })
    const { manager, spawner, clock } = bench
    const { open, created } = await replacing(bench)
    spawner.crash('a')
    await settle(clock)
    spawner.failStarts(new Error('no such image'))
    open()
    await failure(created)
    expect(manager.get('a')?.state).toBe('failed')
    spawner.failStarts(undefined)
    await manager.create('b', first)
    expect(manager.get('b')?.state).toBe('ready')
  })

  it('a stop ends both', async () => {
    const bench = await running()
    const { manager, spawner } = bench
    const { open, created } = await replacing(bench)
    const stopped = manager.stop('a')
    open()
    await stopped
    expect((await failure(created)).code).toBe('ALCOVE_STOPPED')
    expect(spawner.running.size).toBe(0)
    expect(manager.explain('a').state).toBe('stopped')
  })

  it('a stop ends the old one too while it is drained, after its own `drainMs`', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    await manager.acquire('a')
    await manager.create('a', second)
    const stopped = manager.stop('a', { drainMs: 1_000 })
    await clock.advance(1_000)
    await stopped
    expect(spawner.running.size).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('the end of the gateway ends all of it', async () => {
    const bench = await running()
    const { manager, spawner } = bench
    await manager.acquire('a')
    await manager.create('a', second)
    const { open, created } = await (async () => {
      const hold = spawner.holdStarts()
      const started = once(spawner.events, 'started')
      const third = manager.create('a', { run: { version: 3 } })
      third.catch(() => {})
      await started
      return { open: hold, created: third }
    })()
    const closed = manager.close({ drainMs: 0 })
    open()
    await closed
    expect((await failure(created)).code).toBe('ALCOVE_CLOSED')
    expect(spawner.running.size).toBe(0)
  })

  it('idle time, lifetime and lack of places do not end what is being replaced', async () => {
    const bench = await running({
      idleTimeoutMs: 1_000,
      maxEnvironments: 1,
      capacityTimeoutMs: 500,
    })
    const { manager, spawner, clock } = bench
    const { open, created } = await replacing(bench)
    const other = failure(manager.create('b', first))
    await clock.advance(5_000)
    expect((await other).code).toBe('ALCOVE_CAPACITY')
    expect(spawner.stopped).toEqual([])
    open()
    await created
    await clock.advance(999)
    expect(manager.get('a')?.state).toBe('ready')
    await clock.advance(1)
    expect(manager.get('a')?.state).toBe('stopped')
    expect(spawner.running.size).toBe(0)
  })

  it('an old instance that stops answering waits for the new one', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    const { open, created } = await replacing(bench)
    spawner.tell('a', { is: 'pending' })
    await settle(clock)
    expect(manager.get('a')?.state).toBe('unready')
    const visitor = manager.acquire('a')
    open()
    await created
    expect((await visitor).generation).toBe(2)
    await settle(clock)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('a caller that leaves ends its own wait only', async () => {
    const bench = await running()
    const { manager } = bench
    const { open, created } = await replacing(bench)
    const leaving = new AbortController()
    const left = manager.create('a', second, { signal: leaving.signal })
    leaving.abort(new Error('gone home'))
    expect((await failure(left)).message).toBe('gone home')
    open()
    await created
    expect(manager.explain('a').generation).toBe(2)
  })

  it('a gateway that closes while it is still planned', async () => {
    const planning = Promise.withResolvers<undefined>()
    let asked = 0
    const { manager, spawner, clock } = managerBench({
      specFor: async ({ id }) => {
        asked += 1
        if (asked > 1) await planning.promise
        return { run: { id } }
      },
    })
    await manager.create('a')
    const hold = spawner.holdStops()
    const replaced = failure(manager.replace('a'))
    await settle(clock)
    const closed = manager.close({ drainMs: 0 })
    planning.resolve(undefined)
    await settle(clock)
    hold()
    await closed
    expect((await replaced).code).toBe('ALCOVE_CLOSED')
    expect(spawner.running.size).toBe(0)
  })

  it('those who wait for a place: it needs none, and nobody evicts it before its caller has it', async () => {
    const bench = await running({ maxEnvironments: 1, capacityTimeoutMs: 5_000 })
    const { manager, clock } = bench
    manager.pin('a')
    const waiting = failure(manager.create('b', first))
    await settle(clock)
    await manager.create('a', second)
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 2 })
    await clock.advance(5_000)
    expect((await waiting).code).toBe('ALCOVE_CAPACITY')
    manager.unpin('a')
    const replaced = manager.replace('a')
    const other = manager.create('b', first)
    await settle(clock)
    await replaced
    await other
    expect(manager.get('b')?.state).toBe('ready')
  })

  it('another spec while the first start waits for a place: it is the other that starts', async () => {
    const bench = await running({ maxEnvironments: 1 })
    const { manager, clock } = bench
    const lease = await manager.acquire('a')
    const one = failure(manager.create('b', first))
    await settle(clock)
    const two = manager.create('b', second)
    await settle(clock)
    lease.release()
    await two
    expect((await one).code).toBe('ALCOVE_STOPPED')
    expect(manager.explain('b').specHash).toBe((await specHashOf(second)).hash)
  })

  it('many more of them: no more than three instances run', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    for (let version = 2; version < 12; version += 1) {
      await manager.acquire('a')
      await manager.replace('a')
      await settle(clock)
      expect(spawner.running.size).toBeLessThanOrEqual(3)
    }
  })

  it('a request that may not wake it: it waits for the new instance where the old one is gone', async () => {
    const bench = await running()
    const { manager, spawner, clock } = bench
    const { open, created } = await replacing(bench)
    spawner.crash('a')
    await settle(clock)
    const asked = manager.acquire('a', { wake: false })
    open()
    await created
    expect((await asked).generation).toBe(2)
  })
})
