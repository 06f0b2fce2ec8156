import { describe, expect, it } from 'vitest'
import { QueueFullError, StreamLimitError } from '../limit-errors.js'
import { AdmissionScene, thrownBy } from './test-support/admission-scene.js'

const upload = { streams: true }

describe('maxStreams', () => {
  it('is for uploads, event streams and tunnels, beside maxInFlight', () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 3 })
    scene.ask('a').place?.endless()
    scene.ask('a', upload)
    scene.admission.enterTunnel(scene.admission.arrive('a'))
    scene.ask('a')
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 3, queued: 0 })
  })

  it('refuses a tunnel where there is none left, and does not have it wait', () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    const { admission } = scene
    const line = admission.arrive('a')
    const tunnel = admission.enterTunnel(line)
    const error = thrownBy(() => admission.enterTunnel(line))
    expect(error).toBeInstanceOf(StreamLimitError)
    expect(error).toMatchObject({ limit: 'maxStreams', whose: 'environment', id: 'a' })
    admission.enterTunnel(admission.arrive('b'))
    tunnel.release()
    admission.enterTunnel(line)
    expect(scene.loadOf('a')).toMatchObject({ streams: 1, queued: 0 })
  })

  it('refuses an event stream where there is none left; it works on until it is released', () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    scene.ask('a', upload)
    const visit = scene.ask('a')
    expect(thrownBy(() => visit.place?.endless())).toBeInstanceOf(StreamLimitError)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1 })
    visit.end()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 1 })
  })

  it('takes no second place for an upload that is answered with an event stream', () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    const visit = scene.ask('a', upload)
    visit.open()
    visit.place?.endless()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 1 })
    visit.end()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 0 })
  })

  it('lets the next request in when an answer turns out to be an event stream', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const stream = scene.ask('a')
    const next = scene.ask('a')
    stream.place?.endless()
    await scene.pass()
    expect(next.place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1, queued: 0 })
  })

  it('0: no streams, and Infinity: any number', () => {
    const without = new AdmissionScene({ maxStreams: 0 })
    expect(() => without.admission.enterTunnel(without.admission.arrive('a'))).toThrow(
      StreamLimitError,
    )
    const scene = new AdmissionScene({ maxStreams: Number.POSITIVE_INFINITY })
    for (let times = 0; times < 2_000; times += 1) scene.ask('a', upload)
    expect(scene.loadOf('a')).toMatchObject({ streams: 2_000, queued: 0 })
  })
})

describe('uploads', () => {
  it('wait in a line of their own, and hold up no request', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 1 })
    scene.ask('a', upload)
    scene.ask('a', upload)
    const request = scene.ask('a', { name: 'request' })
    expect(request.place).toBeDefined()
    const next = scene.ask('a', { name: 'next' })
    request.end()
    await scene.pass()
    expect(next.place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1, queued: 1 })
  })

  it('begin only while there is a place in which they could work', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    const request = scene.ask('a')
    const first = scene.ask('a', upload)
    expect(first.place).toBeUndefined()
    request.end()
    await scene.pass()
    expect(first.place).toBeDefined()
    expect(scene.ask('a', upload).place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 2, queued: 0 })
  })

  it('take turns with requests', async () => {
    const scene = new AdmissionScene({ maxInFlight: 1 })
    let request = scene.ask('a')
    const uploads = [1, 2, 3, 4].map(() => scene.ask('a', upload))
    const requests = scene.askTimes(2, 'a')
    for (const [index, next] of requests.entries()) {
      request.end()
      await scene.pass()
      expect(next.place).toBeDefined()
      expect(uploads.filter(({ place }) => place)).toHaveLength(index + 1)
      request = next
    }
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 2, queued: 2 })
    request.end()
    await scene.pass()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 4, queued: 0 })
  })

  it('are let in in the order in which they came', async () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    const visits = ['1', '2', '3'].map((name) => scene.ask('a', { streams: true, name }))
    visits[0]?.end()
    scene.ask('a', { streams: true, name: '4' })
    await scene.pass()
    expect(scene.letIn).toEqual(['1', '2'])
    visits[1]?.end()
    await scene.pass()
    expect(scene.letIn).toEqual(['1', '2', '3'])
  })

  it('pass none that has waited, when a squeeze lets go', async () => {
    const scene = new AdmissionScene({ maxInFlight: 16, queueTimeoutMs: 60_000 })
    const requests = scene.askTimes(17, 'a')
    for (const name of ['1', '2']) scene.ask('a', { streams: true, name })
    for (const lagMs of Array<number>(6).fill(300)) {
      scene.passBy('a', 60)
      scene.sample(lagMs)
    }
    for (const visit of requests.slice(1, 16)) visit.end()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0, queued: 3 })
    while (scene.loadOf('a')?.queued === 3) scene.sample(0)
    scene.ask('a', { streams: true, name: '3' })
    await scene.pass()
    expect(scene.letIn.filter((name) => name !== 'a')).toEqual(['1', '2', '3'])
  })

  it('have maxQueued places to wait in, and requests as many', () => {
    const scene = new AdmissionScene({ maxInFlight: 1, maxStreams: 1, maxQueued: 1 })
    scene.ask('a', upload)
    scene.ask('a', upload)
    expect(scene.ask('a', upload).error).toBeInstanceOf(QueueFullError)
    scene.ask('a')
    expect(scene.ask('a').error).toBeUndefined()
    expect(scene.ask('a').error).toBeInstanceOf(QueueFullError)
  })

  it('need no turn: as many as there are places enter at once', () => {
    const scene = new AdmissionScene({ maxStreams: 100 })
    for (let times = 0; times < 100; times += 1) scene.ask('a', upload)
    expect(scene.loadOf('a')).toMatchObject({ streams: 100 })
    expect(scene.ask('a').place).toBeDefined()
  })

  it('work once they are whole, even past maxInFlight, and nothing new until it is less', async () => {
    const scene = new AdmissionScene({ maxInFlight: 2 })
    const uploads = [scene.ask('a', upload), scene.ask('a', upload)]
    const requests = scene.askTimes(2, 'a')
    const next = scene.ask('a', { name: 'next' })
    for (const { place } of uploads) place?.uploaded()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 4, streams: 0, queued: 1 })
    requests[0]?.end()
    uploads[0]?.end()
    await scene.pass()
    expect([scene.loadOf('a')?.inFlight, next.place]).toEqual([2, undefined])
    const other = scene.ask('a', { name: 'other' })
    expect(other.place).toBeUndefined()
    requests[1]?.end()
    await scene.pass()
    expect([next.place, other.place]).toEqual([expect.anything(), undefined])
  })

  it('that are whole leave their place to the next upload', async () => {
    const scene = new AdmissionScene({ maxStreams: 1 })
    const first = scene.ask('a', upload)
    const second = scene.ask('a', upload)
    first.place?.uploaded()
    await scene.pass()
    expect(second.place).toBeDefined()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1, queued: 0 })
  })

  it('that are whole count once, however often it is said', () => {
    const scene = new AdmissionScene()
    const visit = scene.ask('a', upload)
    visit.place?.uploaded()
    visit.place?.uploaded()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
    visit.end()
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 0 })
  })
})

it('a place that is over takes nothing more in', () => {
  const scene = new AdmissionScene({ maxStreams: 1 })
  const visit = scene.ask('a')
  visit.end()
  visit.open()
  visit.place?.uploaded()
  visit.place?.endless()
  const sent = scene.ask('a', upload)
  sent.end()
  sent.place?.uploaded()
  expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 0 })
  expect(scene.clock.pendingTimers).toBe(0)
})
