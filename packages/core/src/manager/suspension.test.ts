import { afterEach, describe, expect, it } from 'vitest'
import { inMemoryCoordinator } from '../coordination/in-memory.js'
import type { AlcoveError } from '../errors.js'
import type { ReadinessTarget } from '../readiness/probe.js'
import { manualClock, type ManualClock } from '../testing/manual-clock.js'
import { EnvironmentManager } from './manager.js'
import type { ManagerOptions } from './options.js'
import { alwaysReady, scriptedSpawner, type ScriptedSpawner } from './scripted-spawner.fixture.js'

const managers: EnvironmentManager[] = []
afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close({ drainMs: 0 })))
})

interface Bench {
  readonly manager: EnvironmentManager
  readonly spawner: ScriptedSpawner
  readonly clock: ManualClock
  readonly problems: AlcoveError[]
}

function make(options: Partial<ManagerOptions> = {}, spawner = scriptedSpawner()): Bench {
  const clock = (options.clock as ManualClock | undefined) ?? manualClock()
  const manager = new EnvironmentManager({
    spawner,
    clock,
    readiness: alwaysReady,
    specFor: ({ id }) => ({ run: { id } }),
    coordinator: inMemoryCoordinator({ nowMs: () => clock.nowMs() }),
    suspendAfterMs: 1_000,
    idleTimeoutMs: 60_000,
    ...options,
  })
  managers.push(manager)
  const problems: AlcoveError[] = []
  manager.on('problem', (problem) => problems.push(problem))
  return { manager, spawner, clock, problems }
}

function becomes(manager: EnvironmentManager, state: string): Promise<void> {
  return new Promise((resolve) => {
    const listen = (change: { readonly to: string }): void => {
      if (change.to !== state) return
      manager.off('transition', listen)
      resolve()
    }
    manager.on('transition', listen)
  })
}

async function makeSuspended(options: Partial<ManagerOptions> = {}): Promise<Bench> {
  const bench = make(options)
  await bench.manager.create('a')
  await bench.clock.advance(1_000)
  expect(bench.manager.get('a')?.state).toBe('suspended')
  return bench
}

/** A probe that answers at once but after a thaw: then when told to. */
function slowThaw() {
  const answered = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const readiness = {
    async ready({ cause }: ReadinessTarget) {
      if (cause !== 'resumed') return
      asked.resolve()
      await answered.promise
    },
  }
  return { readiness, asked, answered }
}

async function failure(promise: Promise<unknown>): Promise<AlcoveError> {
  return promise.then(
    () => {
      throw new Error('It was expected to fail')
    },
    (error: unknown) => error as AlcoveError,
  )
}

describe('an idle environment', () => {
  it('is frozen after suspendAfterMs, and thawed for the next who asks', async () => {
    const causes: ReadinessTarget['cause'][] = []
    const readiness = { ready: async ({ cause }: ReadinessTarget) => void causes.push(cause) }
    const { manager, spawner, clock } = make({ readiness })
    const lease = await manager.acquire('a')
    await clock.advance(5_000)
    expect(spawner.suspended).toEqual([])
    lease.release()
    await clock.advance(999)
    expect(manager.get('a')?.state).toBe('ready')
    await clock.advance(1)
    expect(manager.get('a')?.state).toBe('suspended')
    expect(spawner.suspended).toEqual(['a#1'])
    const again = await manager.acquire('a')
    expect(again.generation).toBe(1)
    expect(spawner.resumed).toEqual(['a#1'])
    expect(spawner.started).toEqual(['a#1'])
    expect(causes).toEqual(['started', 'resumed'])
    expect(manager.explain('a').history.map(({ to }) => to)).toEqual([
      'queued',
      'starting',
      'ready',
      'suspending',
      'suspended',
      'resuming',
      'ready',
    ])
    again.release()
    await clock.advance(1_000)
    expect(spawner.suspended).toEqual(['a#1', 'a#1'])
  })

  it('is never frozen by default', async () => {
    const { manager, spawner, clock } = make({ suspendAfterMs: undefined as never })
    await manager.create('a')
    await clock.advance(59_000)
    expect(spawner.suspended).toEqual([])
  })

  it('is stopped at idleTimeoutMs after its last use, frozen or not', async () => {
    const { manager, spawner, clock } = await makeSuspended()
    await clock.advance(58_999)
    expect(manager.get('a')?.state).toBe('suspended')
    await clock.advance(1)
    expect(manager.get('a')?.state).toBe('stopped')
    expect(spawner.stopped).toEqual(['a#1'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends at its lifetime, frozen or not', async () => {
    const { manager, spawner, clock } = await makeSuspended({ maxLifetimeMs: 10_000 })
    expect(manager.explain('a').nextDeadline?.what).toBe('lifetime')
    await clock.advance(9_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('is explained', async () => {
    const { manager, clock } = make()
    await manager.create('a')
    expect(manager.explain('a')).toMatchObject({
      why: 'It is idle, and is suspended in 1 s if nobody uses it',
      nextDeadline: { what: 'suspend' },
    })
    await clock.advance(1_000)
    expect(manager.explain('a')).toMatchObject({
      why: 'It is suspended until somebody asks for it, and is stopped in 59 s if nobody uses it',
      nextDeadline: { what: 'idle' },
    })
    expect(manager.explain('a').history.at(-1)?.reason).toBe('idle for 1000 ms')
  })

  it('makes room while it is frozen, the one idle longest first', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 2 })
    await manager.create('a')
    await clock.advance(500)
    await manager.create('b')
    await clock.advance(1_000)
    await manager.create('c')
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.get('b')?.state).toBe('suspended')
  })

  it('is not thawed for one who may only use it where it runs', async () => {
    const { manager, spawner } = await makeSuspended()
    expect(await failure(manager.acquire('a', { wake: false }))).toMatchObject({
      code: 'ALCOVE_NOT_RUNNING',
    })
    expect(spawner.resumed).toEqual([])
  })

  it('is kept by beforeEvict while it is frozen, too', async () => {
    let postponeMs = 5_000
    const { manager, spawner, clock } = await makeSuspended({
      beforeEvict: () => ({ postponeMs }),
    })
    await clock.advance(59_000)
    expect(manager.get('a')?.state).toBe('suspended')
    postponeMs = 0
    await clock.advance(5_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })
})

describe('a spawner that can not freeze', () => {
  it('keeps its environments running where all are to be frozen', async () => {
    const { manager, clock } = make({}, scriptedSpawner('plain', { canSuspend: false }))
    await manager.create('a')
    await clock.advance(2_000)
    expect(manager.get('a')?.state).toBe('ready')
    expect(manager.explain('a').nextDeadline?.what).toBe('idle')
  })

  it('is refused for a spec that asks for it', async () => {
    const { manager } = make({}, scriptedSpawner('plain', { canSuspend: false }))
    const error = await failure(manager.create('a', { run: 1, policy: { suspendAfterMs: 5 } }))
    expect(error).toMatchObject({ code: 'ALCOVE_UNSUPPORTED' })
    expect(error.reason).toContain('the spawner "plain" can\'t suspend')
  })
})

describe('what comes in between', () => {
  it('waits while it is being frozen, and gets it thawed', async () => {
    const { manager, spawner, clock } = make()
    await manager.create('a')
    const goOn = spawner.holdSuspends()
    await clock.advance(1_000)
    expect(manager.get('a')?.state).toBe('suspending')
    const lease = manager.acquire('a')
    goOn()
    expect((await lease).generation).toBe(1)
    expect(spawner.resumed).toEqual(['a#1'])
  })

  it('a freeze that fails leaves it serving, tells so, and is tried again later', async () => {
    const { manager, spawner, clock, problems } = make()
    await manager.create('a')
    spawner.failSuspends(new Error('no freezer'))
    await clock.advance(1_000)
    expect(manager.get('a')?.state).toBe('ready')
    expect(problems.map(({ reason }) => reason)).toEqual([
      'The spawner "scripted" can\'t suspend an instance: no freezer',
    ])
    // Some of it may have been frozen.
    expect(spawner.resumed).toEqual(['a#1'])
    ;(await manager.acquire('a')).release()
    spawner.failSuspends(undefined)
    await clock.advance(999)
    expect(manager.get('a')?.state).toBe('ready')
    await clock.advance(1)
    expect(manager.get('a')?.state).toBe('suspended')
  })

  it('a thaw that fails ends it, and leaves nothing', async () => {
    const { manager, spawner, clock } = await makeSuspended()
    spawner.failResumes(new Error('still ice'))
    expect(await failure(manager.acquire('a'))).toMatchObject({
      code: 'ALCOVE_SPAWNER_UNAVAILABLE',
      reason: 'The spawner "scripted" can\'t resume an instance: still ice',
    })
    expect(manager.get('a')?.state).toBe('failed')
    expect(spawner.running.size).toBe(0)
    spawner.failResumes(undefined)
    await clock.advance(1_000)
    expect((await manager.acquire('a')).generation).toBe(2)
  })

  it('one that ends while it is frozen has crashed', async () => {
    const { manager, spawner, clock } = await makeSuspended()
    spawner.crash('a')
    expect(manager.explain('a')).toMatchObject({
      state: 'failed',
      failure: { reason: 'Environment "a" exited with code 1', consecutive: 1 },
    })
    await clock.advance(1_000)
    expect((await manager.acquire('a')).generation).toBe(2)
  })

  it('one that ends while it is being frozen has crashed', async () => {
    const { manager, spawner, clock, problems } = make()
    await manager.create('a')
    const goOn = spawner.holdSuspends()
    await clock.advance(1_000)
    spawner.crash('a')
    const failed = becomes(manager, 'failed')
    goOn()
    await failed
    await clock.advance(1_000)
    expect((await manager.acquire('a')).generation).toBe(2)
    expect(problems).toEqual([])
  })

  it('a stop ends one that is frozen, or is being frozen', async () => {
    const { manager, spawner, clock } = await makeSuspended()
    await manager.stop('a')
    expect(spawner.stopped).toEqual(['a#1'])
    await manager.create('b')
    const goOn = spawner.holdSuspends()
    await clock.advance(1_000)
    const stopped = manager.stop('b')
    goOn()
    await stopped
    expect(spawner.stopped).toEqual(['a#1', 'b#1'])
    expect(manager.get('b')?.state).toBe('stopped')
    expect(clock.pendingTimers).toBe(0)
  })

  it('a stop ends one that is being thawed, and those who wait are told', async () => {
    const asked = Promise.withResolvers<void>()
    const readiness = {
      ready: ({ cause }: ReadinessTarget, signal: AbortSignal) =>
        cause === 'resumed'
          ? new Promise<void>((_resolve, reject) => {
              asked.resolve()
              signal.addEventListener('abort', () => reject(signal.reason as Error))
            })
          : Promise.resolve(),
    }
    const { manager, spawner } = await makeSuspended({ readiness })
    const waits = failure(manager.acquire('a'))
    await asked.promise
    await manager.stop('a')
    expect(await waits).toMatchObject({ code: 'ALCOVE_STOPPED' })
    expect(spawner.running.size).toBe(0)
    expect(manager.get('a')?.state).toBe('stopped')
    // Nothing is left that could be thawed.
    expect((await manager.acquire('a')).generation).toBe(2)
  })

  it('goes on thawing when all who asked have left', async () => {
    const { readiness, asked, answered } = slowThaw()
    const { manager } = await makeSuspended({ readiness })
    const left = new AbortController()
    const gone = failure(manager.acquire('a', { signal: left.signal }))
    await asked.promise
    left.abort(new Error('left'))
    await gone
    const ready = becomes(manager, 'ready')
    answered.resolve()
    await ready
    expect(manager.get('a')?.state).toBe('ready')
  })

  it('its lifetime ends while it is being thawed', async () => {
    const { readiness, asked, answered } = slowThaw()
    const { manager, spawner, clock, problems } = await makeSuspended({
      readiness,
      maxLifetimeMs: 5_000,
    })
    const lease = manager.acquire('a')
    await asked.promise
    await clock.advance(4_000)
    const stopped = becomes(manager, 'stopped')
    answered.resolve()
    ;(await lease).release()
    await stopped
    expect(spawner.stopped).toEqual(['a#1'])
    expect(problems).toEqual([])
  })

  it('close ends what is frozen', async () => {
    const { manager, spawner, clock } = await makeSuspended()
    await manager.close()
    expect(spawner.stopped).toEqual(['a#1'])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('several gateways', () => {
  it('the last user freezes, and any thaws', async () => {
    const clock = manualClock()
    const coordinator = inMemoryCoordinator({ nowMs: () => clock.nowMs() })
    const spawner = scriptedSpawner()
    const one = make({ clock, coordinator, name: 'one' }, spawner)
    const two = make({ clock, coordinator, name: 'two' }, spawner)
    await one.manager.create('a')
    const used = await two.manager.acquire('a')
    await clock.advance(1_000)
    expect(one.manager.get('a')?.state).toBe('stopped')
    expect(spawner.suspended).toEqual([])
    used.release()
    await clock.advance(1_000)
    expect(two.manager.get('a')?.state).toBe('suspended')
    const lease = await one.manager.acquire('a')
    expect(lease.generation).toBe(1)
    expect(spawner.resumed).toEqual(['a#1'])
    expect(spawner.started).toEqual(['a#1'])
    expect([...one.problems, ...two.problems]).toEqual([])
  })
})
