import { describe, expect, it } from 'vitest'
import { failure, managerBench, settle } from './bench.fixture.js'
import type { HostMemory } from './host-memory.js'
import type { Eviction } from './options.js'

const mebibyte = 2 ** 20
const spec = (memoryMebibytes: number): { run: null; memoryBytes: number } => ({
  run: null,
  memoryBytes: memoryMebibytes * mebibyte,
})

describe('declared memory', () => {
  it('is reserved: of 1,000 racing creates exactly as many run as fit', async () => {
    const { manager, spawner, clock } = managerBench({
      memoryBudgetBytes: 100 * mebibyte,
      maxEnvironments: 1_000,
      maxConcurrentStarts: 1_000,
      capacityTimeoutMs: 50,
    })
    let most = 0
    manager.on('transition', () => {
      const live = manager.list().filter(({ state }) => state !== 'stopped' && state !== 'failed')
      most = Math.max(most, live.length)
    })
    const leases = Array.from({ length: 1_000 }, async (_, index) => {
      const environment = await manager.create(`e${index}`, spec(3))
      return environment.acquire()
    })
    const settled = Promise.allSettled(leases)
    await settle(clock)
    await clock.advance(50)
    const outcomes = await settled
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(33)
    expect(spawner.running.size).toBe(33)
    expect(most).toBeLessThanOrEqual(1_000)
  })

  it('is refused in a sentence that says what is lacking', async () => {
    const { manager, clock } = managerBench({
      memoryBudgetBytes: 10 * mebibyte,
      capacityTimeoutMs: 100,
    })
    const environment = await manager.create('a', spec(6))
    await environment.acquire()
    const refused = failure(manager.create('b', spec(6)))
    await clock.advance(100)
    expect(await refused).toMatchObject({
      code: 'ALCOVE_CAPACITY',
      limit: 'memoryBudgetBytes',
      message: expect.stringContaining('10 MiB') as string,
    })
    // What declares none needs none, and does not stand behind those who do.
    await manager.create('c', { run: null })
  })

  it('that would never fit is refused at once', async () => {
    const { manager } = managerBench({ memoryBudgetBytes: 10 * mebibyte })
    const error = await failure(manager.create('a', spec(11)))
    expect(error.code).toBe('ALCOVE_UNSUPPORTED')
    expect(error.message).toContain('11 MiB')
  })

  it('is made free by stopping the longest idle of those that have some', async () => {
    const { manager, spawner, clock } = managerBench({ memoryBudgetBytes: 10 * mebibyte })
    await manager.create('none', { run: null })
    await clock.advance(1)
    await manager.create('a', spec(4))
    await clock.advance(1)
    await manager.create('b', spec(4))
    await clock.advance(1)
    await manager.create('c', spec(8))
    expect(spawner.stopped).toEqual(['a#1', 'b#1'])
  })

  it('is given back by whatever ends, however it ends', async () => {
    const { manager, spawner, clock } = managerBench({
      memoryBudgetBytes: 10 * mebibyte,
      capacityTimeoutMs: 100,
      initialBackOffMs: 1,
    })
    spawner.failStarts(new Error('no'))
    await failure(manager.create('a', spec(10)))
    spawner.failStarts(undefined)
    await manager.create('b', spec(10))
    spawner.crash('b')
    await settle(clock)
    await manager.create('c', spec(10))
    await manager.stop('c')
    await manager.create('d', spec(10))
    expect(manager.get('d')?.state).toBe('ready')
  })

  it('counts twice while an instance is replaced, and once after', async () => {
    const { manager, clock } = managerBench({
      memoryBudgetBytes: 10 * mebibyte,
      capacityTimeoutMs: 100,
    })
    const run = (version: number, memory: number): ReturnType<typeof spec> =>
      ({ ...spec(memory), run: version }) as never
    await manager.create('a', run(1, 6))
    const never = await failure(manager.create('a', run(2, 6)))
    expect(never.code).toBe('ALCOVE_UNSUPPORTED')
    expect(never.message).toContain('both instances declare 12 MiB')
    const other = await manager.create('b', spec(1))
    const lease = await other.acquire()
    const refused = failure(manager.create('a', run(2, 4)))
    await clock.advance(100)
    expect((await refused).code).toBe('ALCOVE_CAPACITY')
    lease.release()
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 1 })
    await manager.create('a', run(3, 4))
    await settle(clock)
    await manager.create('c', spec(6))
    expect(manager.get('a')?.state).toBe('ready')
  })
})

describe('what has to go for declared memory', () => {
  it('is nothing where all that may go would not do', async () => {
    const { manager, clock, spawner } = managerBench({ memoryBudgetBytes: 10 * mebibyte })
    const a = await manager.create('a', spec(6))
    await a.acquire()
    await manager.create('b', spec(2))
    await manager.create('c', spec(2))
    const refused = failure(manager.create('d', spec(6)))
    await clock.advance(20_000)
    expect((await refused).code).toBe('ALCOVE_CAPACITY')
    expect(spawner.stopped).toEqual([])
  })
})

describe('a host that is short of memory', () => {
  class Host implements HostMemory {
    readonly totalBytes = 1_000 * mebibyte
    freeMebibytes = 500
    availableBytes(): number {
      return this.freeMebibytes * mebibyte
    }
  }

  it('has the longest idle stopped, one after the other, until there is enough', async () => {
    const host = new Host()
    const { manager, spawner, clock } = managerBench({
      hostMemory: host,
      minAvailableMemoryBytes: 100 * mebibyte,
    })
    for (const id of ['a', 'b', 'c']) {
      await manager.create(id)
      await clock.advance(10)
    }
    const used = await manager.acquire('a')
    await clock.advance(5_000)
    expect(spawner.stopped).toEqual([])
    host.freeMebibytes = 99
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['b#1'])
    expect(manager.explain('b').history.at(-1)?.reason).toContain('short of memory')
    host.freeMebibytes = 100
    await clock.advance(5_000)
    expect(spawner.stopped).toEqual(['b#1'])
    host.freeMebibytes = 0
    await clock.advance(5_000)
    // What is used stays.
    expect(spawner.stopped).toEqual(['b#1', 'c#1'])
    used.release()
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['b#1', 'c#1', 'a#1'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('of which nothing can be told is a problem, and looked at again', async () => {
    let fails = true
    const hostMemory: HostMemory = {
      totalBytes: 100,
      availableBytes: () => {
        if (fails) throw new Error('no such file')
        return 0
      },
    }
    const { manager, spawner, clock } = managerBench({ hostMemory, minAvailableMemoryBytes: 1 })
    const problems: string[] = []
    manager.on('problem', ({ code }) => problems.push(code))
    await manager.create('a')
    await clock.advance(1_000)
    expect(problems).toEqual(['ALCOVE_HOOK_FAILED'])
    fails = false
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('asks `beforeEvict`, and spares what is pinned', async () => {
    const host = new Host()
    host.freeMebibytes = 0
    const asked: Eviction['why'][] = []
    const { manager, spawner, clock } = managerBench({
      hostMemory: host,
      minAvailableMemoryBytes: 1,
      beforeEvict: ({ why }) => void asked.push(why),
    })
    manager.pin('a')
    await manager.create('a')
    await manager.create('b')
    await clock.advance(3_000)
    expect(spawner.stopped).toEqual(['b#1'])
    expect(asked).toEqual(['memory'])
  })
})
