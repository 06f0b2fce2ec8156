import { describe, expect, it } from 'vitest'
import { scriptedSpawner } from '../manager/scripted-spawner.fixture.js'
import { manualClock } from '../testing/manual-clock.js'
import { GuardedSpawner } from './guarded-spawner.js'
import type { SpawnContext, Spawner } from './spawner.js'

const never = new AbortController().signal

function context(signal: AbortSignal = never): SpawnContext {
  return {
    gateway: 'test',
    id: 'a',
    generation: 1,
    owner: 'ann',
    specHash: 'hash',
    signal,
    log() {},
    progress() {},
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('It was expected to fail')
    },
    (error: unknown) => error as Error,
  )
}

function guarded(own: Partial<Spawner> = {}) {
  const clock = manualClock()
  const inner = Object.assign(scriptedSpawner(), own)
  return { clock, inner, spawner: new GuardedSpawner(inner, clock) }
}

describe('GuardedSpawner', () => {
  it('stops what a start brings after its timeout, from a spawner that ignores the abort', async () => {
    const late = Promise.withResolvers<{ id: string; generation: number }>()
    const stopped: unknown[] = []
    const { clock, spawner } = guarded({
      start: () => late.promise,
      stop: async (handle) => void stopped.push(handle),
    })
    const started = spawner.start({}, context(), 1_000)
    const failed = rejection(started)
    await clock.advance(1_000)
    late.resolve({ id: 'a', generation: 1 })
    expect(await failed).toMatchObject({ code: 'ALCOVE_START_TIMEOUT' })
    expect(stopped).toEqual([{ id: 'a', generation: 1 }])
  })

  it('does not wait for ever for a start that was given up, but for its end before it closes', async () => {
    const late = Promise.withResolvers<{ id: string; generation: number }>()
    const stopped: unknown[] = []
    const { clock, spawner } = guarded({
      start: () => late.promise,
      stop: async (handle) => void stopped.push(handle),
    })
    const failed = rejection(spawner.start({}, context(), 1_000))
    await clock.advance(60_000)
    expect((await failed).message).toMatch(/within 1000 ms/)
    const closed = spawner.close()
    late.resolve({ id: 'a', generation: 1 })
    await closed
    expect(stopped).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends a start with the reason of its abort', async () => {
    const abort = new AbortController()
    const { spawner } = guarded({
      start: (_run, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('some error of the driver')))
        }),
    })
    const failed = rejection(spawner.start({}, context(abort.signal), 1_000))
    abort.abort(new Error('enough'))
    expect((await failed).message).toBe('enough')
  })

  it('names the spawner and the environment where a driver throws what is no error of Alcove', async () => {
    const { spawner } = guarded({ start: async () => Promise.reject(new Error('no engine')) })
    await expect(spawner.start({}, context(), 1_000)).rejects.toMatchObject({
      code: 'ALCOVE_SPAWN_FAILED',
      message: 'Environment "a" could not be started by the spawner "scripted": no engine',
    })
  })

  it('tells nothing after gone, nor after the observer has left', async () => {
    const told: string[] = []
    const over = new AbortController()
    const { spawner } = guarded({
      observe: async (_handle, to) => {
        to.status({ is: 'gone', exit: { reason: 'lost' } })
        to.status({ is: 'pending' })
        return { is: 'pending' }
      },
    })
    const to = { log() {}, progress() {}, status: ({ is }: { is: string }) => void told.push(is) }
    await spawner.observe({}, to, over.signal)
    expect(told).toEqual(['gone'])
    over.abort()
    await spawner.observe({}, to, over.signal)
    expect(told).toEqual(['gone'])
  })

  it('has one stop of a handle under way, and measures capabilities once, but for a failure', async () => {
    let stops = 0
    let measured = 0
    const { inner, spawner } = guarded({
      stop: async () => {
        stops += 1
        await Promise.resolve()
      },
    })
    await Promise.all([
      spawner.stop({ a: 1 }, 0),
      spawner.stop({ a: 1 }, 0),
      spawner.stop({ a: 2 }, 0),
    ])
    expect(stops).toBe(2)
    const measure = inner.capabilities.bind(inner)
    inner.capabilities = async (signal) => {
      measured += 1
      if (measured === 1) throw new Error('not yet')
      return measure(signal)
    }
    await expect(spawner.capabilities()).rejects.toThrow('not yet')
    await Promise.all([spawner.capabilities(), spawner.capabilities()])
    expect(measured).toBe(2)
  })

  it('ends the wait for a spawner that does not stop an instance', async () => {
    const { clock, spawner } = guarded({ stop: () => new Promise(() => {}) })
    const failed = rejection(spawner.stop({}, 5_000))
    await clock.advance(60_000)
    expect(await failed).toMatchObject({
      code: 'ALCOVE_SPAWNER_UNAVAILABLE',
    })
  })
})
