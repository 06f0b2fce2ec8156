import { describe, expect, it } from 'vitest'
import type { Preparation, PreparationContext } from '../environment/preparation.js'
import { failure, managerBench, settle } from './bench.fixture.js'

/** A preparation that does what the test says. */
class Scripted {
  readonly runs: PreparationContext[] = []
  readonly undone: string[] = []
  readonly #outcomes: PromiseWithResolvers<void>[] = []

  constructor(private readonly timeoutMs?: number) {}

  get preparation(): Preparation {
    const { timeoutMs } = this
    return {
      run: (context) => this.#run(context),
      undo: async ({ id }) => void this.undone.push(id),
      ...(timeoutMs !== undefined && { timeoutMs }),
    }
  }

  async #run(context: PreparationContext): Promise<void> {
    this.runs.push(context)
    const outcome = Promise.withResolvers<void>()
    this.#outcomes.push(outcome)
    context.signal.addEventListener('abort', () => outcome.reject(new Error('was told to end')))
    await outcome.promise
  }

  done(): void {
    this.#outcomes.at(-1)?.resolve()
  }

  fail(why: string): void {
    this.#outcomes.at(-1)?.reject(new Error(why))
  }
}

const shared = { checkout: 'main' }

describe('prepare', () => {
  it('runs before the start, once for all who wait, and once for a hash', async () => {
    const prepare = new Scripted()
    const { manager, spawner, clock } = managerBench()
    const all = ['a', 'a', 'b'].map((id) =>
      manager.create(id, { run: shared, prepare: prepare.preparation }),
    )
    await settle(clock)
    expect(prepare.runs).toHaveLength(1)
    expect(spawner.started).toEqual([])
    prepare.done()
    await Promise.all(all)
    expect(spawner.started).toEqual(['a#1', 'b#1'])
    await manager.restart('a')
    expect(prepare.runs).toHaveLength(1)
    const other = manager.create('c', { run: 'another', prepare: prepare.preparation })
    await settle(clock)
    expect(prepare.runs).toHaveLength(2)
    prepare.done()
    await other
    expect(prepare.undone).toEqual([])
  })

  it('is another one with another key', async () => {
    const { manager } = managerBench()
    const ran: string[] = []
    const keyed = (key: string): Preparation => ({ key, run: async () => void ran.push(key) })
    await manager.create('a', { run: shared, prepare: keyed('v1') })
    await manager.create('b', { run: shared, prepare: keyed('v1') })
    await manager.create('c', { run: shared, prepare: keyed('v2') })
    expect(ran).toEqual(['v1', 'v2'])
  })

  it('tells all who wait what it does, those who came later too', async () => {
    const prepare = new Scripted()
    const { manager, clock } = managerBench()
    const told: string[] = []
    manager.on('progress', ({ id, phase, text }) => told.push(`${id} ${phase}: ${text}`))
    const a = manager.create('a', { run: shared, prepare: prepare.preparation })
    await settle(clock)
    prepare.runs[0]?.progress('installing')
    prepare.runs[0]?.log('added 3 packages\u001b[2J')
    const b = manager.create('b', { run: shared, prepare: prepare.preparation })
    await settle(clock)
    prepare.runs[0]?.progress('migrating')
    expect(told).toEqual([
      'a prepare: installing',
      'b prepare: installing',
      'a prepare: migrating',
      'b prepare: migrating',
    ])
    expect(manager.explain('a').lastLogLines.join()).toContain('added 3 packages')
    expect(manager.explain('a').lastLogLines.join()).not.toContain('\u001b')
    prepare.done()
    await Promise.all([a, b])
  })

  it('that fails says why, undoes what it left, and is made again at the next try', async () => {
    const prepare = new Scripted()
    const { manager, spawner, clock } = managerBench({ initialBackOffMs: 1_000 })
    const a = failure(manager.create('a', { run: shared, prepare: prepare.preparation }))
    await settle(clock)
    prepare.fail('no space left on the device')
    expect(await a).toMatchObject({
      code: 'ALCOVE_PREPARE_FAILED',
      status: 503,
      reason: 'Environment "a" could not be prepared: no space left on the device',
    })
    expect(prepare.undone).toEqual(['a'])
    expect(spawner.started).toEqual([])
    expect(manager.explain('a').state).toBe('failed')
    await clock.advance(2_000)
    const again = manager.create('a')
    await settle(clock)
    expect(prepare.runs).toHaveLength(2)
    prepare.done()
    await again
  })

  it('has a timeout of its own, which is longer than the start’s', async () => {
    const prepare = new Scripted(90_000)
    const { manager, clock } = managerBench({ startTimeoutMs: 1_000, readyTimeoutMs: 1_000 })
    const a = failure(manager.create('a', { run: shared, prepare: prepare.preparation }))
    await clock.advance(89_999)
    expect(manager.explain('a').state).toBe('starting')
    await clock.advance(1)
    expect((await a).message).toContain('it took longer than 90000 ms; raise `timeoutMs`')
    expect(prepare.runs[0]?.signal.aborted).toBe(true)
    expect(prepare.undone).toEqual(['a'])
  })

  it('is called off by a stop where nobody else waits, and goes on where somebody does', async () => {
    const prepare = new Scripted()
    const { manager, clock } = managerBench()
    const a = failure(manager.create('a', { run: shared, prepare: prepare.preparation }))
    const b = failure(manager.create('b', { run: shared, prepare: prepare.preparation }))
    await settle(clock)
    await manager.stop('a')
    expect((await a).code).toBe('ALCOVE_STOPPED')
    expect(prepare.runs[0]?.signal.aborted).toBe(false)
    await manager.stop('b')
    expect((await b).code).toBe('ALCOVE_STOPPED')
    expect(prepare.runs[0]?.signal.aborted).toBe(true)
    expect(prepare.undone).toEqual(['a'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('begins anew for those who come while one is being called off', async () => {
    const undoing = Promise.withResolvers<void>()
    let runs = 0
    const prepare: Preparation = {
      run: ({ signal }) => {
        runs += 1
        if (runs > 1) return Promise.resolve()
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('ended'))),
        )
      },
      undo: () => undoing.promise,
    }
    const { manager, clock } = managerBench()
    const a = failure(manager.create('a', { run: shared, prepare }))
    await settle(clock)
    const stopped = manager.stop('a')
    const b = manager.create('b', { run: shared, prepare })
    await settle(clock)
    expect(runs).toBe(1)
    undoing.resolve()
    await stopped
    await a
    await b
    expect(runs).toBe(2)
  })

  it('takes one turn to start, however many wait for it', async () => {
    const prepare = new Scripted()
    const { manager, clock } = managerBench({ maxConcurrentStarts: 2 })
    const all = ['a', 'b', 'c', 'd'].map((id) =>
      manager.create(id, { run: shared, prepare: prepare.preparation }),
    )
    await settle(clock)
    await manager.create('other', { run: 'other' })
    prepare.done()
    await Promise.all(all)
    expect(prepare.runs).toHaveLength(1)
  })

  it('that fails, fails all who wait for it', async () => {
    const prepare = new Scripted()
    const { manager, clock } = managerBench({ maxConcurrentStarts: 1 })
    const all = ['a', 'b', 'c'].map((id) =>
      failure(manager.create(id, { run: shared, prepare: prepare.preparation })),
    )
    await settle(clock)
    prepare.fail('no space left')
    const codes = (await Promise.all(all)).map(({ code }) => code)
    expect(codes).toEqual(Array.from({ length: 3 }, () => 'ALCOVE_PREPARE_FAILED'))
    expect(prepare.runs).toHaveLength(1)
    expect(manager.explain('c').state).toBe('failed')
  })

  it('that does not heed its signal is waited for no longer than `graceMs` and 5 s', async () => {
    const prepare: Preparation = { run: () => new Promise(() => {}), timeoutMs: 1_000 }
    const { manager, clock } = managerBench({ graceMs: 2_000 })
    const a = failure(manager.create('a', { run: shared, prepare }))
    await clock.advance(8_000)
    expect((await a).code).toBe('ALCOVE_PREPARE_FAILED')
  })

  it('whose `undo` fails is told', async () => {
    const problems: string[] = []
    const prepare: Preparation = {
      run: async () => {
        throw new Error('no')
      },
      undo: async () => {
        throw new Error('neither')
      },
    }
    const { manager } = managerBench()
    manager.on('problem', (error) => problems.push(error.message))
    expect((await failure(manager.create('a', { run: shared, prepare }))).message).toContain('no')
    expect(problems).toEqual([
      'What a failed preparation of environment "a" left could not be taken away by its `undo`',
    ])
  })

  it('is made again after a purge', async () => {
    let runs = 0
    const spec = { run: shared, prepare: { run: async () => void (runs += 1) } }
    const { manager } = managerBench()
    await manager.create('a', spec)
    // What it runs by now does not matter.
    await manager.create('a', { run: 'another' })
    await manager.purge('a')
    await manager.create('a', spec)
    expect(runs).toBe(2)
  })

  it('runs before a replacement while the old instance serves', async () => {
    const prepare = new Scripted()
    const { manager, clock } = managerBench()
    await manager.create('a', { run: shared })
    const replaced = manager.create('a', { run: 'another', prepare: prepare.preparation })
    await settle(clock)
    expect(prepare.runs).toHaveLength(1)
    expect(manager.acquireReady('a')?.generation).toBe(1)
    prepare.done()
    await replaced
    expect(manager.explain('a').generation).toBe(2)
  })

  it('is refused where it is none', async () => {
    const { manager } = managerBench()
    const wrong = { run: shared, prepare: { run: async () => {}, timeout: 5 } as never }
    expect((await failure(manager.create('a', wrong))).message).toContain('timeoutMs')
  })
})
