import { describe, expect, it } from 'vitest'
import { StreamLimitError } from '../limit-errors.js'
import type { AdmissionOptions } from './options.js'
import { AdmissionScene, type Body, opened } from './test-support/admission-scene.js'

const none = Number.POSITIVE_INFINITY
/** Without a rate, where it is not what a test is about. */
const anyRate = { minBodyBytesPerSecond: 0 }

describe('bodies that stay open', () => {
  it('leave their place after streamAfterMs, and the next request is let in', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const { visit, body } = opened(scene)
    const next = scene.ask('a')
    await scene.pass(4_999)
    expect([scene.loadOf('a'), next.place]).toMatchObject([{ inFlight: 1, streams: 0 }, undefined])
    await scene.pass(1)
    expect(next.place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1, queued: 0 })
    expect(body.error).toBeUndefined()
    visit.end()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
  })

  it('count from when they were opened, and again from the answer of an upload', async () => {
    const scene = new AdmissionScene({ ...anyRate, streamAfterMs: 1_000 })
    const visit = scene.ask('a', { streams: true })
    visit.open()
    await scene.pass(5_000)
    visit.place?.uploaded()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
    visit.open()
    await scene.pass(999)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
    await scene.pass(1_000)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 1 })
  })

  it('keep their place where streamAfterMs is Infinity', async () => {
    const scene = new AdmissionScene({ streamAfterMs: none, bodyRateWindowMs: none })
    opened(scene)
    await scene.pass(600_000)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
  })

  it('are cut off where there is no place to stream', async () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    scene.ask('a', { streams: true })
    const { body } = opened(scene)
    await scene.pass(4_999)
    expect(body.error).toBeUndefined()
    await scene.pass(1)
    expect(body.error).toBeInstanceOf(StreamLimitError)
    expect(body.error).toMatchObject({ limit: 'maxStreams', whose: 'environment', id: 'a' })
    expect(scene.admission.report().refused).toEqual({ ALCOVE_STREAM_LIMIT: 1 })
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 1 })
  })

  it('are looked at no more once they are over', async () => {
    const scene = new AdmissionScene()
    const { visit } = opened(scene)
    const other = scene.ask('b')
    other.open()
    await scene.pass(500)
    visit.end()
    other.place?.uploaded()
    await scene.pass(250)
    expect(scene.clock.pendingTimers).toBe(0)
    opened(scene)
    expect(scene.clock.nextTimerMs).toBe(250)
  })
})

describe('a body that has been stuck for a second', () => {
  /** All places to stream are taken, and one of these clients does not go on. */
  const full = (options: AdmissionOptions = {}): { scene: AdmissionScene; bodies: Body[] } => {
    const scene = new AdmissionScene({ ...anyRate, maxStreams: 2, ...options })
    const bodies = [0, 1].map(() => scene.ask('a', { streams: true }).open())
    return { scene, bodies }
  }
  const stick = (body: Body | undefined): void => {
    if (body) body.waitsForClient = true
  }

  it('makes room for an upload, and not a moment before', async () => {
    const { scene, bodies } = full({ maxQueued: 0 })
    stick(bodies[1])
    // The first look that finds it so.
    await scene.pass(250)
    await scene.pass(999)
    expect(scene.ask('a', { streams: true }).error?.code).toBe('ALCOVE_QUEUE_FULL')
    await scene.pass(1)
    const upload = scene.ask('a', { streams: true })
    await scene.pass()
    expect(upload.place).toBeDefined()
    expect(bodies.map(({ error }) => error?.code)).toEqual([undefined, 'ALCOVE_STREAM_LIMIT'])
    expect(scene.loadOf('a')).toMatchObject({ streams: 2, queued: 0 })
  })

  it('makes room for an event stream, and for a body that stays open', async () => {
    const { scene, bodies } = full()
    stick(bodies[0])
    await scene.pass(1_250)
    scene.ask('a').place?.endless()
    expect(bodies.map(({ error }) => error?.code)).toEqual(['ALCOVE_STREAM_LIMIT', undefined])
    const { body } = opened(scene)
    stick(bodies[1])
    await scene.pass(5_000)
    expect([bodies[1]?.error?.code, body.error]).toEqual(['ALCOVE_STREAM_LIMIT', undefined])
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 2 })
  })

  it('is the one that has been so for longest', async () => {
    const { scene, bodies } = full()
    stick(bodies[1])
    await scene.pass(250)
    stick(bodies[0])
    await scene.pass(2_000)
    scene.ask('a', { streams: true })
    expect(bodies.map(({ error }) => error?.code)).toEqual([undefined, 'ALCOVE_STREAM_LIMIT'])
    scene.ask('a', { streams: true })
    expect(bodies[0]?.error).toBeInstanceOf(StreamLimitError)
  })

  it('is none whose client went on in between', async () => {
    const { scene, bodies } = full({ maxQueued: 0 })
    for (const body of bodies) stick(body)
    await scene.pass(1_000)
    for (const body of bodies) body.bodyBytes += 1
    await scene.pass(1_000)
    expect(scene.ask('a', { streams: true }).error?.code).toBe('ALCOVE_QUEUE_FULL')
  })

  it('is none where it is the environment that does not go on', async () => {
    const { scene } = full({ maxQueued: 0 })
    await scene.pass(10_000)
    expect(scene.ask('a', { streams: true }).error?.code).toBe('ALCOVE_QUEUE_FULL')
  })

  it('makes room for a tunnel', () => {
    const { scene, bodies } = full()
    stick(bodies[0])
    scene.clock.advanceSync(1_250)
    scene.admission.enterTunnel(scene.admission.arrive('a'))
    expect(bodies.map(({ error }) => error?.code)).toEqual(['ALCOVE_STREAM_LIMIT', undefined])
    expect(() => scene.admission.enterTunnel(scene.admission.arrive('a'))).toThrow(StreamLimitError)
  })

  it('stays where it is a place to work that an upload waits for', async () => {
    const { scene, bodies } = full({ maxInFlight: 1, maxStreams: 3 })
    stick(bodies[0])
    scene.ask('a')
    await scene.pass(2_000)
    expect(scene.ask('a', { streams: true }).place).toBeUndefined()
    expect(bodies.map(({ error }) => error)).toEqual([undefined, undefined])
  })

  it('is none of a request that works, nor of another environment', async () => {
    const { scene } = full({ maxQueued: 0, streamAfterMs: none })
    const { body } = opened(scene, true)
    const other = scene.ask('b', { streams: true }).open(true)
    await scene.pass(10_000)
    expect(scene.ask('a', { streams: true }).error?.code).toBe('ALCOVE_QUEUE_FULL')
    expect([body.error, other.error]).toEqual([undefined, undefined])
  })
})

describe('an answer whose client does not take it', () => {
  it('keeps its place while nobody waits for it', async () => {
    const scene = new AdmissionScene({ ...anyRate, maxInFlight: 1 })
    opened(scene, true)
    await scene.pass(4_999)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
  })

  it('leaves it 10 ms after somebody has come to wait', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    opened(scene, true)
    await scene.pass(100)
    const next = scene.ask('a')
    await scene.pass(9)
    expect(next.place).toBeUndefined()
    await scene.pass(1)
    expect(next.place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1 })
  })

  it('is not waited for longer than 128 KiB of it take, though its client goes on', async () => {
    const scene = new AdmissionScene({ ...anyRate, maxInFlight: 1 })
    const { body } = opened(scene)
    const next = scene.ask('a')
    body.bodyBytes = 128 * 1024 - 1
    await scene.pass(10)
    expect(next.place).toBeUndefined()
    body.bodyBytes += 1
    await scene.pass(10)
    expect(next.place).toBeDefined()
  })

  it('leaves it within 10 ms once it is its client’s turn, where others wait', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const { body } = opened(scene)
    const next = scene.ask('a')
    await scene.pass(250)
    expect(scene.clock.nextTimerMs).toBe(10)
    body.waitsForClient = true
    await scene.pass(9)
    expect(next.place).toBeUndefined()
    await scene.pass(1)
    expect(next.place).toBeDefined()
    await scene.pass(250)
    expect(scene.clock.nextTimerMs).toBe(250)
  })

  it('keeps it where the client goes on, and where it is the environment that does not', async () => {
    const scene = new AdmissionScene({ maxInFlight: 2, ...anyRate })
    const { body } = opened(scene, true)
    opened(scene)
    const next = scene.ask('a')
    for (let looks = 0; looks < 40; looks += 1) {
      body.bodyBytes += 1
      await scene.pass(10)
    }
    expect(next.place).toBeUndefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 2, streams: 0, queued: 1 })
  })

  it('keeps it where there is no place to stream, until its time is over', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 0, ...anyRate })
    const { body } = opened(scene, true)
    scene.ask('a')
    await scene.pass(4_999)
    expect(body.error).toBeUndefined()
    await scene.pass(1)
    expect(body.error).toBeInstanceOf(StreamLimitError)
  })
})
