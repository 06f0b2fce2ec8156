import { describe, expect, it } from 'vitest'
import { manualClock } from '../testing/manual-clock.js'
import { failure, managerBench, settle } from './bench.fixture.js'

const hourMs = 3_600_000

describe('pin() and extend()', () => {
  it('a pin keeps it until it is taken back', async () => {
    const { manager, spawner, clock } = managerBench({ idleTimeoutMs: 1_000 })
    await manager.create('a')
    manager.pin('a')
    await clock.advance(100 * hourMs)
    expect(spawner.stopped).toEqual([])
    expect(manager.explain('a')).toMatchObject({
      kept: { by: 'pin', untilMs: undefined },
      nextDeadline: undefined,
      why: 'It is idle, and kept by a pin',
    })
    manager.unpin('a')
    await settle(clock)
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.explain('a').kept).toBeUndefined()
  })

  it('a pin holds for instances to come, and does not start any', async () => {
    const { manager, spawner, clock } = managerBench({ idleTimeoutMs: 1_000 })
    manager.pin('a')
    await clock.advance(10_000)
    expect(spawner.started).toEqual([])
    expect(manager.explain('a').kept).toEqual({ by: 'pin', untilMs: undefined })
    await manager.create('a')
    await manager.restart('a')
    await clock.advance(10_000)
    expect(manager.get('a')?.state).toBe('ready')
  })

  it('an extension keeps it for a time from now on, and is shown', async () => {
    const { manager, spawner, clock } = managerBench({ idleTimeoutMs: 1_000 })
    await manager.create('a')
    manager.extend('a', 60_000)
    expect(manager.explain('a').kept).toEqual({
      by: 'extension',
      untilMs: clock.wallMs() + 60_000,
    })
    expect(manager.explain('a').nextDeadline).toEqual({
      what: 'idle',
      atMs: clock.wallMs() + 60_000,
    })
    await clock.advance(59_999)
    expect(spawner.stopped).toEqual([])
    await clock.advance(1)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('a shorter one takes the place of a longer one', async () => {
    const { manager, spawner, clock } = managerBench({ idleTimeoutMs: 1_000 })
    await manager.create('a')
    manager.extend('a', 60_000)
    manager.extend('a', 5_000)
    await clock.advance(5_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('neither is frozen, nor gives its place away', async () => {
    const { manager, spawner, clock } = managerBench({
      suspendAfterMs: 1_000,
      maxEnvironments: 2,
      capacityTimeoutMs: 100,
    })
    await manager.create('a')
    await manager.create('b')
    manager.pin('a')
    manager.extend('b', 60_000)
    const refused = failure(manager.create('c'))
    await clock.advance(10_000)
    expect((await refused).code).toBe('ALCOVE_CAPACITY')
    expect(spawner.suspended).toEqual([])
    expect(spawner.stopped).toEqual([])
  })

  it('gives its place to who waits for it once it is over, or taken back', async () => {
    const { manager, clock } = managerBench({ maxEnvironments: 1 })
    await manager.create('a')
    manager.extend('a', 2_000)
    const b = manager.create('b')
    await clock.advance(1_999)
    expect(manager.get('a')?.state).toBe('ready')
    await clock.advance(1)
    await b
    manager.pin('b')
    const c = manager.create('c')
    await clock.advance(1_000)
    manager.unpin('b')
    await c
    expect(manager.get('b')?.state).toBe('stopped')
  })

  it('heeds what `beforeEvict` says about it', async () => {
    const { manager, spawner, clock } = managerBench({
      idleTimeoutMs: 1_000,
      beforeEvict: ({ id }) => manager.extend(id, 60_000),
    })
    await manager.create('a')
    await clock.advance(30_000)
    expect(spawner.stopped).toEqual([])
  })

  it('keeps no record of what never ran, once it is over', async () => {
    const { manager, clock } = managerBench()
    manager.extend('a', 1_000)
    expect(manager.get('a')).toBeDefined()
    await clock.advance(1_000)
    expect(manager.get('a')).toBeUndefined()
  })

  it('ends with its lifetime all the same', async () => {
    const { manager, spawner, clock } = managerBench({ maxLifetimeMs: 5_000 })
    await manager.create('a')
    manager.pin('a')
    expect(manager.explain('a').why).toContain('its lifetime ends in 5 s')
    await clock.advance(5_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('refuses what is no time', () => {
    const { manager } = managerBench()
    expect(() => manager.extend('a', 0)).toThrow('`forMs`')
    expect(() => manager.extend('a', Number.NaN)).toThrow('`forMs`')
    expect(() => manager.pin('A B')).toThrow("can't name an environment")
  })
})

describe('keepWarm', () => {
  /** A Wednesday, half past eight in Berlin. */
  const morning = Date.parse('2026-11-25T07:30:00Z')
  const officeHours = { from: '09:00', to: '18:00', timeZone: 'Europe/Berlin' } as const

  function office(): ReturnType<typeof managerBench> {
    return managerBench({
      clock: manualClock({ wallMs: morning }),
      idleTimeoutMs: 60_000,
      keepWarm: [officeHours],
    })
  }

  it('keeps it through its hours, and says so', async () => {
    const { manager, spawner, clock } = office()
    const advance = (ms: number): Promise<void> => clock.advance(ms)
    await manager.create('a')
    await advance(60_000)
    expect(spawner.stopped).toEqual(['a#1'])
    // It was asked for today, so it is there when the hours begin.
    await advance(28 * 60_000)
    expect(manager.get('a')?.state).toBe('stopped')
    await advance(60_000)
    expect(manager.explain('a')).toMatchObject({
      state: 'ready',
      kept: { by: 'schedule', untilMs: Date.parse('2026-11-25T17:00:00Z') },
      why: 'It is idle, and kept by its schedule until 2026-11-25T17:00:00.000Z',
    })
    await advance(9 * hourMs - 1)
    expect(spawner.stopped).toEqual(['a#1'])
    await advance(1)
    expect(spawner.stopped).toEqual(['a#1', 'a#2'])
    // The next morning, and after the weekend.
    await advance(15 * hourMs)
    expect(manager.get('a')?.state).toBe('ready')
    await advance(2 * 24 * hourMs)
    expect(manager.get('a')?.state).toBe('stopped')
    await advance(2 * 24 * hourMs)
    expect(manager.get('a')?.state).toBe('ready')
  })

  it('starts it again where it crashed, once its back-off is over', async () => {
    const { manager, spawner, clock } = managerBench({
      clock: manualClock({ wallMs: morning + hourMs }),
      keepWarm: [officeHours],
      initialBackOffMs: 5_000,
    })
    await manager.create('a')
    spawner.crash('a')
    // The back-off is up to a quarter shorter.
    await clock.advance(3_700)
    expect(spawner.started).toEqual(['a#1'])
    await clock.advance(6_000)
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 2 })
  })

  it('leaves alone what somebody has stopped, and what does not exist any more', async () => {
    let exists = true
    const { manager, spawner, clock } = managerBench({
      clock: manualClock({ wallMs: morning }),
      idleTimeoutMs: 60_000,
      keepWarm: [officeHours],
      specFor: ({ id }) => (exists ? { run: { id } } : undefined),
    })
    const problems: unknown[] = []
    manager.on('problem', (error) => problems.push(error))
    await manager.create('a')
    await manager.create('b')
    await manager.stop('a')
    await clock.advance(60_000)
    exists = false
    await clock.advance(5 * hourMs)
    expect(spawner.started).toEqual(['a#1', 'b#1'])
    expect(problems).toEqual([])
  })

  it('is refused where it makes no sense, in words that say what is wrong', async () => {
    expect(() => managerBench({ keepWarm: [{ ...officeHours, from: '9:00' }] })).toThrow(
      'In `keepWarm` of EnvironmentManager, `from` is no time of day such as "09:00"',
    )
    expect(() => managerBench({ keepWarm: officeHours as never })).toThrow('to be a list of hours')
    const policy = { keepWarm: [{ ...officeHours, days: ['monday'] as never }] }
    const refused = managerBench().manager.create('a', { run: 1, policy })
    await expect(refused).rejects.toThrow(
      'In `keepWarm` of the policy in the spec of environment "a", `days` is no list of',
    )
    expect(() => managerBench({ keepWarm: [{ ...officeHours, timeZone: 'Mars' }] })).toThrow(
      '`keepWarm`',
    )
  })
})
