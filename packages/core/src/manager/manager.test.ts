import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Transition } from '../events.js'
import { failure, managerBench as make } from './bench.fixture.js'
import { scriptedSpawner } from './scripted-spawner.fixture.js'

const states = (transitions: readonly Transition[]): string[] => transitions.map(({ to }) => to)

describe('one start for all', () => {
  it('starts a cold environment once for any number of callers', async () => {
    const { manager, spawner } = make()
    const leases = await Promise.all(Array.from({ length: 200 }, () => manager.acquire('a')))
    expect(spawner.started).toEqual(['a#1'])
    expect(manager.explain('a').leases.request).toBe(200)
    for (const lease of leases) lease.release()
    expect(manager.explain('a').leases.request).toBe(0)
  })

  it('goes on for the others when one caller leaves', async () => {
    const { manager, spawner } = make()
    const release = spawner.holdStarts()
    const left = new AbortController()
    const gone = failure(manager.acquire('a', { signal: left.signal }))
    const stays = manager.acquire('a')
    await once(spawner.events, 'started')
    left.abort(new Error('left'))
    expect((await gone).message).toBe('left')
    release()
    const lease = await stays
    expect(lease.generation).toBe(1)
    expect(spawner.stopped).toEqual([])
  })

  it('goes on with a start that has begun when all callers left', async () => {
    const { manager, spawner } = make()
    const release = spawner.holdStarts()
    const left = new AbortController()
    const gone = failure(manager.acquire('a', { signal: left.signal }))
    await once(spawner.events, 'started')
    left.abort(new Error('left'))
    await gone
    const ready = new Promise<void>((resolve) => {
      manager.on('transition', ({ to }) => {
        if (to === 'ready') resolve()
      })
    })
    release()
    await ready
    expect(manager.explain('a').state).toBe('ready')
  })

  it('takes an environment that nobody waits for any more out of the queue', async () => {
    const { manager, spawner } = make({ maxConcurrentStarts: 1 })
    const release = spawner.holdStarts()
    const first = manager.acquire('a')
    await once(spawner.events, 'started')
    const left = new AbortController()
    const gone = failure(manager.acquire('b', { signal: left.signal }))
    await until(() => manager.explain('b').state === 'queued')
    left.abort(new Error('left'))
    await gone
    release()
    await first
    await manager.acquire('c')
    expect(spawner.started).toEqual(['a#1', 'c#1'])
    expect(manager.explain('b').state).toBe('stopped')
  })

  it('keeps an environment in the queue as long as one still waits for it', async () => {
    const { manager, spawner } = make({ maxConcurrentStarts: 1 })
    const release = spawner.holdStarts()
    const first = manager.acquire('a')
    await once(spawner.events, 'started')
    const left = new AbortController()
    const gone = failure(manager.acquire('b', { signal: left.signal }))
    const stays = manager.acquire('b')
    await until(() => manager.explain('b').state === 'queued')
    left.abort(new Error('left'))
    await gone
    release()
    await first
    expect((await stays).generation).toBe(1)
  })

  it('shares a failure', async () => {
    const { manager, spawner } = make()
    spawner.failStarts(new Error('no such thing'))
    const errors = await Promise.all([failure(manager.acquire('a')), failure(manager.acquire('a'))])
    expect(errors.map(({ code }) => code)).toEqual(['ALCOVE_SPAWN_FAILED', 'ALCOVE_SPAWN_FAILED'])
    expect(spawner.started).toHaveLength(1)
  })

  it('has at most maxConcurrentStarts under way, the others in order', async () => {
    const { manager, spawner } = make({ maxConcurrentStarts: 2 })
    const release = spawner.holdStarts()
    const all = ['a', 'b', 'c', 'd'].map((id) => manager.acquire(id))
    await until(() => spawner.started.length === 2 && manager.explain('d').state === 'queued')
    expect(spawner.started).toEqual(['a#1', 'b#1'])
    release()
    await Promise.all(all)
    expect(spawner.started).toEqual(['a#1', 'b#1', 'c#1', 'd#1'])
  })
})

describe('specFor', () => {
  it('starts nothing for an id that it does not know', async () => {
    const { manager, spawner } = make()
    const error = await failure(manager.create('unknown-1'))
    expect(error).toMatchObject({ code: 'ALCOVE_NOT_FOUND', status: 404, id: 'unknown-1' })
    expect(spawner.started).toEqual([])
    expect(manager.get('unknown-1')).toBeUndefined()
  })

  it('is asked at a start only', async () => {
    let asked = 0
    const { manager } = make({
      specFor: () => {
        asked += 1
        return { run: {} }
      },
    })
    for (let i = 0; i < 3; i += 1) (await manager.acquire('a')).release()
    expect(asked).toBe(1)
  })

  it('that throws is a failure of the host, told as one sentence', async () => {
    const { manager } = make({
      specFor: () => {
        throw new Error('database is down')
      },
    })
    expect(await failure(manager.create('a'))).toMatchObject({
      code: 'ALCOVE_HOOK_FAILED',
      message: '`specFor` failed for environment "a"',
    })
  })

  it('is not needed for create() with a spec, which is remembered until a stop by hand', async () => {
    const { manager, spawner, clock } = make({ specFor: undefined, idleTimeoutMs: 1_000 })
    await manager.create('a', { run: { own: true } })
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
    ;(await manager.acquire('a')).release()
    await manager.stop('a')
    expect((await failure(manager.acquire('a'))).code).toBe('ALCOVE_NOT_FOUND')
  })

  it('create() with another spec replaces what runs, with the same one joins it', async () => {
    const { manager, spawner, clock } = make()
    await manager.create('a', { run: { version: 1 } })
    await manager.create('a', { run: { version: 1 }, owner: 'somebody' })
    expect(spawner.started).toEqual(['a#1'])
    await manager.create('a', { run: { version: 2 } })
    expect(spawner.started).toEqual(['a#1', 'a#2'])
    await clock.advance(0)
    expect([...spawner.running.keys()]).toEqual(['a#2'])
  })

  it.each([
    [{ run: {}, spawner: 'docker' }, 'names the spawner "docker", and there is "scripted"'],
    [{ run: {}, polcy: {} }, 'has no option "polcy": did you mean `policy`?'],
    [
      { run: {}, policy: { idleTimeout: 1 } },
      'has no option "idleTimeout": did you mean `idleTimeoutMs`?',
    ],
    [{}, 'Expected `run` of the spec of environment "a" to say what to start, got `undefined`'],
  ])('names what is wrong with a spec: %j', async (spec, message) => {
    const { manager } = make({ specFor: () => spec as never })
    expect((await failure(manager.create('a'))).message).toContain(message)
  })
})

describe('several spawners', () => {
  it('a spec chooses one by name, and the first is the default', async () => {
    const first = scriptedSpawner('first')
    const second = scriptedSpawner('second')
    const { manager } = make({
      spawner: [first, second],
      specFor: ({ id }) => ({ run: {}, ...(id === 'b' && { spawner: 'second' }) }),
    })
    await Promise.all([manager.create('a'), manager.create('b')])
    expect(first.started).toEqual(['a#1'])
    expect(second.started).toEqual(['b#1'])
  })
})

describe('idle eviction', () => {
  it('counts from the last release, and not from the start of a request', async () => {
    const { manager, spawner, clock } = make({ idleTimeoutMs: 1_000 })
    const lease = await manager.acquire('a')
    await clock.advance(5_000)
    expect(manager.explain('a').state).toBe('ready')
    lease.release()
    await clock.advance(999)
    expect(manager.explain('a')).toMatchObject({ state: 'ready', nextDeadline: { what: 'idle' } })
    await clock.advance(1)
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.explain('a')).toMatchObject({
      state: 'stopped',
      why: 'It is stopped: idle for 1000 ms',
    })
  })

  it('begins anew with each use', async () => {
    const { manager, spawner, clock } = make({ idleTimeoutMs: 1_000 })
    for (let i = 0; i < 5; i += 1) {
      ;(await manager.acquire('a')).release()
      await clock.advance(900)
    }
    expect(spawner.stopped).toEqual([])
    await clock.advance(100)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('evicts an environment that nobody used after its start', async () => {
    const { manager, spawner, clock } = make({ idleTimeoutMs: 1_000 })
    await manager.create('a')
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('keeps it for ever where the timeout is Infinity, and sets no timer', async () => {
    const { manager, clock } = make({
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      minAvailableMemoryBytes: 0,
    })
    await manager.create('a')
    expect(clock.pendingTimers).toBe(0)
    expect(manager.explain('a').nextDeadline).toBeUndefined()
  })

  it("a spec's own timeout goes before the manager's", async () => {
    const { manager, spawner, clock } = make({
      idleTimeoutMs: 1_000,
      specFor: ({ id }) => ({ run: {}, ...(id === 'b' && { policy: { idleTimeoutMs: 5_000 } }) }),
    })
    await Promise.all([manager.create('a'), manager.create('b')])
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
    await clock.advance(4_000)
    expect(spawner.stopped).toEqual(['a#1', 'b#1'])
  })

  it('starts again for a request that comes while it stops, after it has stopped', async () => {
    const { manager, spawner, clock } = make({ idleTimeoutMs: 1_000 })
    await manager.create('a')
    const release = spawner.holdStops()
    await clock.advance(1_000)
    expect(manager.explain('a').state).toBe('stopping')
    const next = manager.acquire('a')
    expect(spawner.started).toEqual(['a#1'])
    release()
    expect((await next).generation).toBe(2)
    expect([...spawner.running.keys()]).toEqual(['a#2'])
  })

  it('drains and stops an instance at the end of its lifetime, in use or not', async () => {
    const { manager, spawner, clock } = make({
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      maxLifetimeMs: 10_000,
      drainTimeoutMs: 2_000,
    })
    const lease = await manager.acquire('a')
    const reasons: string[] = []
    lease.onRevoke((why) => reasons.push(why))
    await clock.advance(10_000)
    expect(reasons).toEqual(['drain'])
    expect(manager.explain('a').state).toBe('stopping')
    expect(spawner.stopped).toEqual([])
    lease.release()
    await clock.advance(0)
    expect(spawner.stopped).toEqual(['a#1'])
    await manager.acquire('b')
    await clock.advance(12_000)
    expect(spawner.stopped).toEqual(['a#1', 'b#1'])
  })

  it('counts the lifetime from the first readiness, whatever came in between', async () => {
    const { manager, spawner, clock } = make({
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      maxLifetimeMs: 10_000,
      graceMs: 1,
    })
    const lease = await manager.acquire('a')
    await clock.advance(6_000)
    manager.reportUnreachable(lease)
    lease.release()
    await clock.advance(3_999)
    expect(manager.explain('a').state).toBe('ready')
    await clock.advance(1)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('revokes an upgrade that nothing but keep-alives went over', async () => {
    const { manager, spawner, clock } = make({ idleTimeoutMs: 1_000, upgradeIdleTimeoutMs: 5_000 })
    const lease = await manager.acquire('a')
    lease.become('upgrade')
    lease.onRevoke((why) => {
      if (why === 'idle') lease.release()
    })
    await clock.advance(4_000)
    lease.touch()
    await clock.advance(4_999)
    expect(manager.explain('a').leases.upgrade).toBe(1)
    await clock.advance(1)
    expect(manager.explain('a').leases.upgrade).toBe(0)
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })
})

describe('beforeEvict', () => {
  it('may put an eviction off', async () => {
    const asked: string[] = []
    const { manager, spawner, clock } = make({
      idleTimeoutMs: 1_000,
      beforeEvict: async ({ id, why, idleForMs }) => {
        asked.push(`${id} ${why} ${idleForMs}`)
        return asked.length === 1 ? { postponeMs: 3_000 } : undefined
      },
    })
    await manager.create('a')
    await clock.advance(1_000)
    expect(manager.explain('a').state).toBe('ready')
    await clock.advance(2_999)
    expect(spawner.stopped).toEqual([])
    await clock.advance(1)
    expect(asked).toEqual(['a idle 1000', 'a idle 4000'])
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('evicts nothing that was used while it thought about it', async () => {
    const thought = Promise.withResolvers<undefined>()
    const { manager, spawner, clock } = make({
      idleTimeoutMs: 1_000,
      beforeEvict: () => thought.promise,
    })
    await manager.create('a')
    await clock.advance(1_000)
    const lease = await manager.acquire('a')
    thought.resolve(undefined)
    await clock.advance(0)
    expect(spawner.stopped).toEqual([])
    lease.release()
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual(['a#1'])
  })

  it('that throws puts it off and is a problem; one that hangs does not hold it up', async () => {
    const problems: string[] = []
    let calls = 0
    const { manager, spawner, clock } = make({
      idleTimeoutMs: 1_000,
      beforeEvictTimeoutMs: 500,
      beforeEvict: () => {
        calls += 1
        if (calls === 1) throw new Error('disk is full')
        return new Promise(() => {})
      },
    })
    manager.on('problem', ({ message }) => problems.push(message))
    await manager.create('a')
    await clock.advance(1_000)
    expect(spawner.stopped).toEqual([])
    await clock.advance(1_500)
    expect(spawner.stopped).toEqual(['a#1'])
    expect(problems).toEqual([
      '`beforeEvict` failed for environment "a"; its eviction is put off',
      '`beforeEvict` did not answer for environment "a" within 500 ms; it is evicted',
    ])
  })
})

describe('capacity', () => {
  it('the one idle longest makes room', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 2 })
    for (const id of ['a', 'b']) {
      ;(await manager.acquire(id)).release()
      await clock.advance(10)
    }
    ;(await manager.acquire('a')).release()
    await manager.create('c')
    expect(spawner.stopped).toEqual(['b#1'])
    expect([...spawner.running.keys()].sort()).toEqual(['a#1', 'c#1'])
  })

  it('waits a bounded time where none is idle, then refuses with a time to try again', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 1, capacityTimeoutMs: 3_000 })
    const lease = await manager.acquire('a')
    const refused = failure(manager.acquire('b'))
    await clock.advance(3_000)
    const error = await refused
    expect(error).toMatchObject({ code: 'ALCOVE_CAPACITY', status: 503, retryAfterMs: 3_000 })
    expect(spawner.started).toEqual(['a#1'])
    lease.release()
  })

  it('hands a place that becomes free to those who wait, in the order they came', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 1 })
    const first = await manager.acquire('a')
    const order: string[] = []
    const waiting = ['b', 'c', 'd'].map(async (id) => {
      const lease = await manager.acquire(id)
      order.push(id)
      lease.release()
    })
    await clock.advance(10)
    expect(order).toEqual([])
    first.release()
    await Promise.all(waiting)
    expect(order).toEqual(['b', 'c', 'd'])
    expect(spawner.running.size).toBe(1)
  })

  it('lets nobody who comes later take the place that was made for the first', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 1, graceMs: 0 })
    const held = await manager.acquire('a')
    const first = manager.acquire('b')
    await clock.advance(10)
    const later: Promise<unknown>[] = []
    manager.on('transition', ({ id, to }) => {
      if (id === 'a' && to === 'stopped') later.push(manager.acquire('c'))
    })
    held.release()
    const lease = await first
    expect(spawner.started).toEqual(['a#1', 'b#1'])
    lease.release()
    await Promise.all(later)
    expect(spawner.started).toEqual(['a#1', 'b#1', 'c#1'])
  })

  it('leaves the line when its client leaves', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 1 })
    const first = await manager.acquire('a')
    const left = new AbortController()
    const gone = failure(manager.acquire('b', { signal: left.signal }))
    const stays = manager.acquire('c')
    await clock.advance(10)
    left.abort(new Error('left'))
    await gone
    first.release()
    await stays
    expect(spawner.started).toEqual(['a#1', 'c#1'])
  })

  it('never exceeds it, however many come at once', async () => {
    const { manager, spawner, clock } = make({ maxEnvironments: 5, maxConcurrentStarts: 100 })
    let most = 0
    manager.on('transition', () => {
      most = Math.max(most, spawner.running.size)
    })
    const all = Array.from({ length: 200 }, async (_, i) => {
      const lease = await manager.acquire(`e${i}`)
      lease.release()
    })
    await clock.advance(0)
    await Promise.all(all)
    expect(spawner.started).toHaveLength(200)
    expect(most).toBe(5)
  })

  it('an owner at maxPerOwner gives up an idle one of its own, and is refused with 429 where it has none', async () => {
    const { manager, spawner, clock } = make({ maxPerOwner: 1, capacityTimeoutMs: 1_000 })
    const held = await manager.acquire('a', { owner: 'ann' })
    ;(await manager.acquire('b', { owner: 'bob' })).release()
    const refused = failure(manager.acquire('c', { owner: 'ann' }))
    await clock.advance(1_000)
    expect(await refused).toMatchObject({ code: 'ALCOVE_QUOTA_EXCEEDED', status: 429 })
    ;(await manager.acquire('d', { owner: 'bob' })).release()
    expect(spawner.stopped).toEqual(['b#1'])
    held.release()
  })
})

describe('crash and back-off', () => {
  const crash = { reason: 'exited', exitCode: 3 } as const

  it('restarts at the next request once the back-off is over, and says so until then', async () => {
    const { manager, spawner, clock, transitions } = make({ initialBackOffMs: 1_000 })
    await manager.create('a')
    spawner.crash('a', crash)
    expect(manager.explain('a')).toMatchObject({
      state: 'failed',
      failure: { code: 'ALCOVE_INSTANCE_GONE' },
    })
    const error = await failure(manager.acquire('a'))
    expect(error).toMatchObject({ code: 'ALCOVE_BACKING_OFF', status: 503 })
    expect(error.reason).toMatch(
      /^Environment "a" exited with code 3\. It failed once and is tried again in 1 s$/,
    )
    expect(error).toMatchObject({ lastLogLines: ['hello from the script'] })
    expect(error.retryAfterMs).toBeGreaterThan(700)
    expect(error.retryAfterMs).toBeLessThanOrEqual(1_000)
    await clock.advance(1_000)
    ;(await manager.acquire('a')).release()
    expect(states(transitions)).toEqual([
      'queued',
      'starting',
      'ready',
      'failed',
      'queued',
      'starting',
      'ready',
    ])
  })

  it('revokes the leases of what is gone', async () => {
    const { manager, spawner } = make()
    const lease = await manager.acquire('a')
    const reasons: string[] = []
    lease.onRevoke((why) => reasons.push(why))
    spawner.crash('a')
    expect(reasons).toEqual(['gone'])
  })

  it('stays failed after maxConsecutiveFailures, until somebody restarts it', async () => {
    const { manager, spawner, clock } = make({
      initialBackOffMs: 1_000,
      maxBackOffMs: 4_000,
      maxConsecutiveFailures: 3,
    })
    spawner.crashAtStart(crash)
    for (let i = 0; i < 3; i += 1) {
      expect((await failure(manager.acquire('a'))).code).toBe('ALCOVE_INSTANCE_GONE')
      await clock.advance(4_000)
    }
    await clock.advance(86_400_000)
    const error = await failure(manager.acquire('a'))
    expect(error.message).toContain(
      'It failed 3 times in a row and is not started again until somebody restarts it',
    )
    expect(error.retryAfterMs).toBeUndefined()
    expect(spawner.started).toHaveLength(3)
    spawner.crashAtStart(undefined)
    await manager.restart('a')
    expect(manager.explain('a')).toMatchObject({ state: 'ready', failure: undefined })
  })

  it('counts no failure in a row after it was ready for stableAfterMs', async () => {
    const { manager, spawner, clock } = make({
      initialBackOffMs: 1_000,
      stableAfterMs: 60_000,
      idleTimeoutMs: 1e9,
    })
    for (const readyForMs of [1_000, 1_000, 60_000]) {
      await clock.advance(10_000)
      await manager.create('a')
      await clock.advance(readyForMs)
      spawner.crash('a', crash)
    }
    expect(manager.explain('a').failure?.consecutive).toBe(1)
  })

  it('a start that fails tells the exit and the last log lines', async () => {
    const { manager, spawner } = make()
    spawner.crashAtStart({ reason: 'signalled', signal: 'SIGSEGV' })
    const error = await failure(manager.create('a'))
    expect(error).toMatchObject({
      reason: 'Environment "a" was ended by SIGSEGV before it was ready',
      exit: { reason: 'signalled', signal: 'SIGSEGV' },
      lastLogLines: ['hello from the script'],
    })
    expect(error.message).toContain('hello from the script')
  })

  it('a readiness that never comes ends in time, and leaves nothing running', async () => {
    const { manager, spawner, clock } = make({
      readiness: { ready: () => new Promise(() => {}) },
      readyTimeoutMs: 2_000,
    })
    const failed = failure(manager.create('a'))
    await clock.advance(2_000)
    expect(await failed).toMatchObject({ code: 'ALCOVE_READY_TIMEOUT', status: 504 })
    expect(spawner.stopped).toEqual(['a#1'])
    expect(manager.explain('a').state).toBe('failed')
  })

  it('a spawner that never answers ends in time, and what it brings too late is stopped', async () => {
    const { manager, spawner, clock } = make({ startTimeoutMs: 2_000 })
    const release = spawner.holdStarts()
    const failed = failure(manager.create('a'))
    await clock.advance(2_000)
    release()
    await clock.advance(10_000)
    expect(await failed).toMatchObject({ code: 'ALCOVE_START_TIMEOUT', status: 504 })
    expect(spawner.running.size).toBe(0)
  })

  it('chooses again where the port was taken, and gives up after three times', async () => {
    const { manager, spawner } = make()
    spawner.crashAtStart({ reason: 'port-taken' })
    const error = await failure(manager.create('a'))
    expect(error.code).toBe('ALCOVE_PORT_TAKEN')
    expect(spawner.started).toEqual(['a#1', 'a#1', 'a#1'])
    expect(manager.explain('a').state).toBe('failed')
  })
})

describe('health', () => {
  it('lets nobody in while an instance that could not be connected to is asked again', async () => {
    const checks: { readonly cause: string; readonly pass: () => void }[] = []
    const { manager } = make({
      readiness: {
        ready: ({ cause }) => new Promise((resolve) => checks.push({ cause, pass: resolve })),
      },
    })
    const first = manager.acquire('a')
    await until(() => checks.length === 1)
    checks[0]!.pass()
    const lease = await first
    manager.reportUnreachable(lease)
    expect(manager.explain('a').state).toBe('unready')
    const second = manager.acquire('a')
    await until(() => checks.length === 2)
    expect(checks[1]!.cause).toBe('recovered')
    checks[1]!.pass()
    expect((await second).generation).toBe(1)
  })

  it('ends one that does not answer any more, and starts it anew after the back-off', async () => {
    let answers = true
    const { manager, spawner, clock } = make({
      readyTimeoutMs: 1_000,
      initialBackOffMs: 1_000,
      readiness: { ready: () => (answers ? Promise.resolve() : new Promise(() => {})) },
    })
    const lease = await manager.acquire('a')
    answers = false
    manager.reportUnreachable(lease)
    const waits = failure(manager.acquire('a'))
    await clock.advance(1_000)
    expect((await waits).code).toBe('ALCOVE_READY_TIMEOUT')
    expect(spawner.stopped).toEqual(['a#1'])
    answers = true
    await clock.advance(1_000)
    expect((await manager.acquire('a')).generation).toBe(2)
  })

  it('follows an instance that moves', async () => {
    const { manager, spawner } = make()
    const lease = await manager.acquire('a')
    spawner.tell('a', { is: 'pending' })
    expect(manager.explain('a').state).toBe('unready')
    const waits = manager.acquire('a')
    const endpoint = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const
    spawner.tell('a', { is: 'running', endpoint })
    expect((await waits).endpoint).toEqual(endpoint)
    expect(lease.endpoint).toEqual(endpoint)
  })
})

describe('stop, restart, purge, close', () => {
  it('stop ends a start under way and tells those who wait', async () => {
    const { manager, spawner } = make()
    const release = spawner.holdStarts()
    const waits = failure(manager.acquire('a'))
    await once(spawner.events, 'started')
    const stopped = manager.stop('a', { reason: 'not wanted' })
    release()
    expect((await waits).message).toBe(
      'Environment "a" was stopped while it was waited for: not wanted',
    )
    await stopped
    expect(spawner.running.size).toBe(0)
    expect(manager.explain('a').state).toBe('stopped')
  })

  it('stop lets what is in use finish, for a time', async () => {
    const { manager, spawner, clock } = make()
    const lease = await manager.acquire('a')
    const stopped = manager.stop('a', { drainMs: 1_000 })
    await clock.advance(500)
    expect(spawner.stopped).toEqual([])
    await clock.advance(500)
    await stopped
    expect(spawner.stopped).toEqual(['a#1'])
    lease.release()
  })

  it('a stop that meets close() still ends it', async () => {
    const { manager, spawner } = make()
    await manager.create('a')
    await Promise.all([manager.stop('a', { drainMs: 0 }), manager.close({ drainMs: 0 })])
    expect(spawner.running.size).toBe(0)
    expect(manager.explain('a').state).toBe('stopped')
  })

  it('a stop that the spawner could not carry out is told, and no data is deleted under it', async () => {
    const purged: string[] = []
    const spawner = Object.assign(scriptedSpawner(), {
      stop: async () => Promise.reject(new Error('no engine')),
      purge: async (id: string) => void purged.push(id),
    })
    const { manager } = make({ spawner })
    await manager.create('a')
    expect((await failure(manager.purge('a'))).message).toContain('no engine')
    expect(purged).toEqual([])
    expect(manager.explain('a').state).toBe('failed')
  })

  it('a start that was cancelled is not theirs who come afterwards', async () => {
    const asked: ReturnType<typeof Promise.withResolvers<void>>[] = []
    const templates: unknown[] = []
    const { manager } = make({
      specFor: async ({ template }) => {
        templates.push(template)
        const turn = Promise.withResolvers<void>()
        asked.push(turn)
        await turn.promise
        return { run: {} }
      },
    })
    const left = new AbortController()
    const gone = failure(manager.acquire('a', { signal: left.signal }))
    await until(() => asked.length === 1)
    left.abort(new Error('left'))
    const next = manager.acquire('a', { template: 'big', owner: 'ann' })
    await gone
    await until(() => asked.length === 2)
    asked[1]?.resolve()
    await next
    expect(templates).toEqual([undefined, 'big'])
    expect(manager.explain('a').owner).toBe('ann')
  })

  it('a `specFor` that never answers holds up neither stop nor close', async () => {
    const { manager } = make({ specFor: () => new Promise(() => {}) })
    const waits = [failure(manager.acquire('a')), failure(manager.acquire('b'))]
    await until(() => manager.get('b') !== undefined)
    await manager.stop('a')
    await manager.close()
    expect((await Promise.all(waits)).map(({ code }) => code)).toEqual([
      'ALCOVE_STOPPED',
      'ALCOVE_CLOSED',
    ])
  })

  it('whoever waits for an instance to answer again is told when the manager closes', async () => {
    let answers = true
    const { manager } = make({
      readiness: { ready: () => (answers ? Promise.resolve() : new Promise(() => {})) },
    })
    const lease = await manager.acquire('a')
    answers = false
    manager.reportUnreachable(lease)
    const waits = failure(manager.acquire('a'))
    await manager.close({ drainMs: 0 })
    expect((await waits).code).toBe('ALCOVE_CLOSED')
  })

  it('a stop ends the start that waits for an earlier stop, too', async () => {
    const { manager, spawner } = make()
    await manager.create('a')
    const release = spawner.holdStops()
    const first = manager.stop('a', { drainMs: 0 })
    const waits = failure(manager.acquire('a'))
    const second = manager.stop('a', { drainMs: 0 })
    release()
    await Promise.all([first, second])
    expect((await waits).code).toBe('ALCOVE_STOPPED')
    expect(spawner.started).toEqual(['a#1'])
  })

  it('stop is idempotent, and knows environments that never were', async () => {
    const { manager } = make()
    await manager.create('a')
    await Promise.all([manager.stop('a', { drainMs: 0 }), manager.stop('a', { drainMs: 0 })])
    await manager.stop('a')
    await manager.stop('never-was')
    expect(manager.get('never-was')).toBeUndefined()
  })

  it('purge asks every spawner to delete the data', async () => {
    const purged: string[] = []
    const spawner = Object.assign(scriptedSpawner(), {
      purge: async (id: string) => {
        purged.push(id)
      },
    })
    const { manager } = make({ spawner })
    await manager.create('a')
    await manager.purge('a')
    expect(spawner.running.size).toBe(0)
    expect(purged).toEqual(['a'])
  })

  it('purge lets nothing start before the data is gone', async () => {
    const deleted = Promise.withResolvers<void>()
    const spawner = Object.assign(scriptedSpawner(), { purge: () => deleted.promise })
    const { manager, clock } = make({ spawner })
    await manager.create('a')
    const purged = manager.purge('a')
    const next = manager.acquire('a')
    await clock.advance(10)
    expect(spawner.started).toEqual(['a#1'])
    deleted.resolve()
    await purged
    expect((await next).generation).toBe(2)
  })

  it('a purge that meets a stop waits for nobody who came since', async () => {
    const { manager, spawner } = make()
    await manager.create('a')
    const goOn = spawner.holdStops()
    const stopped = manager.stop('a', { drainMs: 0 })
    const purged = manager.purge('a')
    const lease = manager.acquire('a')
    goOn()
    await stopped
    await purged
    expect((await lease).generation).toBe(2)
  })

  it('stop ends what it was called for, and not what somebody asked for afterwards', async () => {
    const { manager, spawner } = make()
    const release = spawner.holdStarts()
    const first = failure(manager.acquire('a'))
    await once(spawner.events, 'started')
    const stopped = manager.stop('a')
    const second = manager.acquire('a').catch(() => manager.acquire('a'))
    release()
    await stopped
    await first
    const lease = await second
    expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: lease.generation })
    expect(spawner.running.size).toBe(1)
  })

  it('loses no environment that starts while another stop of it comes to its end', async () => {
    const { manager, spawner } = make()
    for (let round = 0; round < 20; round += 1) {
      const work = [
        manager.stop('a', { drainMs: 0 }),
        manager.acquire('a').catch(() => undefined),
        manager.create('unknown-a').catch(() => undefined),
        manager.stop('a', { drainMs: 0 }),
        manager.purge('a'),
      ]
      await Promise.all(work)
    }
    await manager.close({ drainMs: 0 })
    expect(spawner.running.size).toBe(0)
  })

  it('close ends everything, refuses what comes, and leaves no timer', async () => {
    const { manager, spawner, clock } = make()
    await Promise.all(['a', 'b'].map((id) => manager.create(id)))
    const lease = await manager.acquire('a')
    const closed = manager.close({ drainMs: 1_000 })
    expect((await failure(manager.acquire('b'))).code).toBe('ALCOVE_CLOSED')
    expect((await failure(manager.create('c'))).code).toBe('ALCOVE_CLOSED')
    lease.release()
    await closed
    expect(spawner.running.size).toBe(0)
    expect(clock.pendingTimers).toBe(0)
    await manager.close()
  })

  it('close ends starts under way', async () => {
    const { manager, spawner } = make({ maxConcurrentStarts: 1 })
    const release = spawner.holdStarts()
    const waits = ['a', 'b'].map((id) => failure(manager.acquire(id)))
    await once(spawner.events, 'started')
    const closed = manager.close()
    release()
    await closed
    expect((await Promise.all(waits)).map(({ code }) => code)).toEqual([
      'ALCOVE_CLOSED',
      'ALCOVE_CLOSED',
    ])
    expect(spawner.running.size).toBe(0)
  })

  it('is disposed of at the end of a block, as its environments are', async () => {
    const { manager, spawner } = make()
    {
      await using environment = await manager.create('a')
      expect(environment.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(environment.state).toBe('ready')
    }
    expect(spawner.running.size).toBe(0)
    {
      await using lease = await manager.acquire('a')
      expect(lease.protected).toBe(true)
    }
    expect(manager.explain('a').leases.request).toBe(0)
  })
})

describe('what it tells', () => {
  it('explains, lists and diagnoses', async () => {
    const { manager } = make()
    await manager.create('a', { run: {}, owner: 'ann' })
    const lease = await manager.acquire('a')
    expect(manager.explain('a')).toMatchObject({
      state: 'ready',
      owner: 'ann',
      generation: 1,
      spawner: 'scripted',
      why: 'It is in use: 1 requests, 0 streams, 0 upgraded connections',
    })
    lease.release()
    expect(manager.explain('a').why).toBe('It is idle, and is stopped in 600 s if nobody uses it')
    expect(manager.explain('b')).toMatchObject({
      state: 'stopped',
      why: 'It is stopped: never asked for',
    })
    expect(manager.list().map(({ id }) => id)).toEqual(['a'])
    expect(manager.get('b')).toBeUndefined()
    expect(await manager.diagnose()).toMatchObject({
      coordinator: { reach: 'process' },
      spawners: [{ name: 'scripted', capabilities: { egress: 'open' } }],
    })
  })

  it('tells every transition with its reason', async () => {
    const { manager, transitions } = make()
    await manager.create('a')
    await manager.stop('a', { drainMs: 0, reason: 'enough' })
    expect(transitions.map(({ from, to }) => `${from} → ${to}`)).toEqual([
      'stopped → queued',
      'queued → starting',
      'starting → ready',
      'ready → stopping',
      'stopping → stopped',
    ])
    expect(transitions.every(({ reason }) => reason.length > 0)).toBe(true)
  })

  it('is not stopped half-way by a listener that throws', async () => {
    const { manager } = make()
    const problems: unknown[] = []
    manager.on('problem', ({ cause }) => problems.push(cause))
    const error = new Error('a bug of the host')
    manager.once('transition', () => {
      throw error
    })
    const lease = await manager.acquire('a')
    lease.onRevoke(() => {
      throw error
    })
    const warned = once(process, 'warning')
    await manager.stop('a', { drainMs: 0 })
    expect(problems).toEqual([error])
    expect(await warned).toEqual([error])
    expect(manager.explain('a').state).toBe('stopped')
  })

  it('keeps no record of ids that do not exist, and a bounded one of those that stopped', async () => {
    const { manager } = make({ maxEnvironments: 1 })
    for (let i = 0; i < 1_100; i += 1) {
      await manager.create(`e${i}`)
    }
    expect(manager.get('e0')).toBeUndefined()
    expect(manager.get('e1090')).toBeDefined()
  })

  it('refuses to start an environment for one who may only use it', async () => {
    const { manager, spawner } = make()
    expect(await failure(manager.acquire('a', { wake: false }))).toMatchObject({
      code: 'ALCOVE_NOT_RUNNING',
      status: 503,
    })
    await manager.create('a')
    ;(await manager.acquire('a', { wake: false })).release()
    expect(spawner.started).toHaveLength(1)
  })

  it('refuses an id that breaks the grammar before anything else', async () => {
    const { manager } = make()
    for (const id of ['', 'A', 'a_b', '-a', 'a-', 'a'.repeat(64), 'a.b', '../a', 'a\n']) {
      expect((await failure(manager.acquire(id))).code).toBe('ALCOVE_INVALID_ID')
    }
  })
})

/** Lets promises settle until `holds`. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 1_000) throw new Error('It never came to hold')
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
