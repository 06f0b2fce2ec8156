import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { QueuePosition } from '../events.js'
import { failure, managerBench, settle } from './bench.fixture.js'

/** One start at a time; the first is under way when this resolves. */
async function queueing(): Promise<
  ReturnType<typeof managerBench> & { readonly open: () => void }
> {
  const bench = managerBench({
    maxConcurrentStarts: 1,
    specFor: ({ id }) => ({ run: { id }, owner: id[0] as string }),
  })
  const open = bench.spawner.holdStarts()
  const started = once(bench.spawner.events, 'started')
  void bench.manager.create('first')
  await started
  return { ...bench, open }
}

describe('the order of starts', () => {
  it('alternates between owners, and keeps the order of each', async () => {
    const { manager, spawner, open, clock } = await queueing()
    const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((id) => manager.create(id))
    await settle(clock)
    open()
    await Promise.all(all)
    expect(spawner.started.map((name) => name.split('#')[0])).toEqual([
      'first',
      'a1',
      'b1',
      'c1',
      'a2',
      'b2',
      'a3',
      'a4',
    ])
  })

  it('tells each where it stands, and again when that changes', async () => {
    const { manager, open, clock } = await queueing()
    const told: [string, number, number][] = []
    manager.on('queued', ({ id, position, of }) => told.push([id, position, of]))
    const a1 = manager.create('a1')
    const leaving = new AbortController()
    const a2 = failure(manager.create('a2', undefined, { signal: leaving.signal }))
    const b1 = manager.create('b1')
    await settle(clock)
    expect(told.slice(-3)).toEqual([
      ['a1', 1, 3],
      ['b1', 2, 3],
      ['a2', 3, 3],
    ])
    expect(manager.explain('a2')).toMatchObject({
      state: 'queued',
      queue: { for: 'start', position: 3, of: 3 },
      why: 'It waits for its turn to start: number 3 of 3',
    })
    leaving.abort(new Error('gone home'))
    await a2
    await settle(clock)
    expect(told.slice(-2)).toEqual([
      ['a1', 1, 2],
      ['b1', 2, 2],
    ])
    open()
    await Promise.all([a1, b1])
    expect(manager.explain('a1').queue).toBeUndefined()
  })

  it('estimates by how long starts took', async () => {
    const { manager, clock, open, spawner } = await queueing()
    const a1 = manager.create('a1')
    await settle(clock)
    // Nothing has started yet that it could be told from.
    expect(manager.explain('a1').queue?.estimateMs).toBeUndefined()
    await clock.advance(4_000)
    const hold = spawner.holdStarts()
    open()
    await settle(clock)
    const b1 = manager.create('b1')
    const b2 = manager.create('b2')
    await settle(clock)
    // `first` took 4 s: one start before its own, and two.
    expect(manager.explain('b1').queue).toMatchObject({ position: 1, estimateMs: 8_000 })
    expect(manager.explain('b2').queue).toMatchObject({ position: 2, estimateMs: 12_000 })
    hold()
    await Promise.all([a1, b1, b2])
  })

  it('tells who waits for a place, too, and lets owners take turns there', async () => {
    const { manager, clock, spawner } = managerBench({
      maxEnvironments: 1,
      specFor: ({ id }) => ({ run: { id }, owner: id[0] as string }),
    })
    const told: QueuePosition[] = []
    manager.on('queued', ({ id, ...where }) => {
      if (id === 'b1') told.push(where)
    })
    const lease = await manager.acquire('first')
    const all = ['a1', 'a2', 'a3', 'b1'].map(async (id) => manager.acquire(id))
    await settle(clock)
    expect(manager.explain('b1')).toMatchObject({
      queue: { for: 'maxEnvironments', position: 2, of: 4, estimateMs: undefined },
    })
    lease.release()
    for (const acquired of [0, 3, 1, 2]) {
      const next = await (all[acquired] as (typeof all)[number])
      next.release()
    }
    expect(spawner.started.map((name) => name.split('#')[0])).toEqual([
      'first',
      'a1',
      'b1',
      'a2',
      'a3',
    ])
    expect(told).toContainEqual({
      for: 'maxEnvironments',
      position: 2,
      of: 4,
      estimateMs: undefined,
    })
  })
})
