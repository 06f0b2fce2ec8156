import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Spec } from '../environment/spec.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import type { GatewayOptions } from './options.js'
import { type Answered, LoadScene } from './test-support/load-scene.js'

const code = ({ status, headers }: Answered): readonly unknown[] => [
  status,
  headers['x-alcove-error'],
]

/** Environments that start when the test says so. */
function slowStart(): { readonly options: Partial<GatewayOptions>; start(): void } {
  const { promise, resolve } = Promise.withResolvers<Spec>()
  return {
    options: {
      spawner: inProcessSpawner({
        app: () => (_request, response) => void response.end('started'),
      }),
      specFor: () => promise,
    },
    start: () => resolve({ run: {} }),
  }
}

describe('requests that wait for a start', () => {
  it('are bounded in number for each environment', async () => {
    const { options, start } = slowStart()
    await using scene = await LoadScene.of({ ...options, maxWaiting: 2 })
    const waiting = [scene.ask('a'), scene.ask('a')]
    await scene.until(() => scene.loadOf('a')?.waiting === 2)
    const refused = await scene.ask('a').answer
    expect(code(refused)).toEqual([503, 'ALCOVE_QUEUE_FULL'])
    expect(JSON.parse(refused.body)).toMatchObject({ limit: 'maxWaiting', whose: 'environment' })
    expect(refused.headers['retry-after']).toBe('2')
    const other = scene.ask('b')
    start()
    const answers = await Promise.all([...waiting, other].map(({ answer }) => answer))
    expect(answers.map(({ body }) => body)).toEqual(Array(3).fill('started'))
    expect(scene.gateway.load()).toMatchObject({ held: 0, heldBytes: 0 })
  })

  it('are bounded in bytes for each environment', async () => {
    const { options } = slowStart()
    await using scene = await LoadScene.of({ ...options, maxWaitingBytes: 40_000 })
    const upload = { 'content-length': '30000' }
    scene.ask('a', { headers: upload }).client.flushHeaders()
    await scene.until(() => scene.loadOf('a')?.waiting === 1)
    expect(scene.gateway.load().heldBytes).toBeGreaterThan(30_000)
    const refused = await scene.ask('a', { headers: upload }).answer
    expect(JSON.parse(refused.body)).toMatchObject({ limit: 'maxWaitingBytes' })
  })

  it('are bounded in all, and the environment that has most gives up its last', async () => {
    const { options, start } = slowStart()
    await using scene = await LoadScene.of({ ...options, maxHeld: 3 })
    const first = scene.ask('loud')
    await scene.until(() => scene.gateway.load().held === 1)
    const second = scene.ask('loud')
    await scene.until(() => scene.gateway.load().held === 2)
    const third = scene.ask('loud')
    await scene.until(() => scene.gateway.load().held === 3)
    const quiet = scene.ask('quiet')
    const givenUp = await third.answer
    expect(code(givenUp)).toEqual([503, 'ALCOVE_OVERLOADED'])
    expect(JSON.parse(givenUp.body)).toMatchObject({ limit: 'maxHeld', whose: 'gateway' })
    expect(code(await scene.ask('loud').answer)).toEqual([503, 'ALCOVE_OVERLOADED'])
    start()
    const answers = await Promise.all([first, second, quiet].map(({ answer }) => answer))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('leave room when their clients leave', async () => {
    const { options } = slowStart()
    await using scene = await LoadScene.of({ ...options, maxWaiting: 1 })
    const { client } = scene.ask('a')
    await scene.until(() => scene.gateway.load().held === 1)
    client.destroy()
    await scene.until(() => scene.gateway.load().held === 0)
  })
})

describe('rates', () => {
  it('of an environment end in 429, with when there is a token again', async () => {
    await using scene = await LoadScene.of({ rateLimit: { requestsPerSecond: 2, burst: 3 } })
    scene.upstream.on('request', (_request, response) => response.end())
    for (let times = 0; times < 3; times += 1) {
      expect((await scene.ask('a').answer).status).toBe(200)
    }
    const refused = await scene.ask('a').answer
    expect(code(refused)).toEqual([429, 'ALCOVE_RATE_LIMITED'])
    expect(JSON.parse(refused.body)).toMatchObject({
      limit: 'rateLimit',
      whose: 'environment',
      retryAfterMs: 500,
    })
    expect(refused.headers['retry-after']).toBe('1')
    expect((await scene.ask('b').answer).status).toBe(200)
    await scene.clock.advance(500)
    expect((await scene.ask('a').answer).status).toBe(200)
    expect((await scene.ask('a').answer).status).toBe(429)
  })

  it('of an owner count for all of their environments, whoever names the owner', async () => {
    await using scene = await LoadScene.of({
      ownerRateLimit: { requestsPerSecond: 1, burst: 2 },
      authorize: (_request, { id }) => ({
        allow: true,
        owner: id === 'c' ? 'Bea' : 'Ann "A"\u00e9',
      }),
    })
    scene.upstream.on('request', (_request, response) => response.end())
    expect((await scene.ask('a').answer).status).toBe(200)
    expect((await scene.ask('b').answer).status).toBe(200)
    const refused = await scene.ask('a').answer
    expect(code(refused)).toEqual([429, 'ALCOVE_RATE_LIMITED'])
    expect(JSON.parse(refused.body)).toMatchObject({ whose: 'owner', owner: 'Ann "A"\u00e9' })
    expect(refused.headers['x-alcove-limit']).toBe(
      'ownerRateLimit; whose=owner; environment="a"; owner="Ann%20%22A%22%C3%A9"; retry-after-ms=1000',
    )
    expect((await scene.ask('c').answer).status).toBe(200)
  })

  it('of an owner count where only the spec names one, too', async () => {
    await using scene = await LoadScene.of({
      ownerRateLimit: { requestsPerSecond: 1 },
      specFor: () => ({ run: {}, owner: 'team' }),
      spawner: inProcessSpawner({ app: () => (_request, response) => void response.end() }),
    })
    expect((await scene.ask('a').answer).status).toBe(200)
    expect((await scene.ask('b').answer).status).toBe(429)
  })

  it('of an environment are not used up by requests that their owner may not make', async () => {
    await using scene = await LoadScene.of({
      rateLimit: { requestsPerSecond: 1, burst: 2 },
      ownerRateLimit: { requestsPerSecond: 1, burst: 1 },
      authorize: (request) => ({ allow: true, owner: String(request.headers['x-owner']) }),
    })
    scene.upstream.on('request', (_request, response) => response.end())
    const ask = (owner: string): Promise<Answered> =>
      scene.ask('a', { headers: { 'x-owner': owner } }).answer
    expect((await ask('Ann')).status).toBe(200)
    for (let times = 0; times < 3; times += 1) expect((await ask('Ann')).status).toBe(429)
    expect((await ask('Bea')).status).toBe(200)
  })

  it('are no strangers’ to use up: who may not in counts for nobody', async () => {
    await using scene = await LoadScene.of({
      rateLimit: { requestsPerSecond: 1 },
      authorize: (request) => request.headers['x-key'] === 'right',
    })
    scene.upstream.on('request', (_request, response) => response.end())
    expect((await scene.ask('a').answer).status).toBe(403)
    expect((await scene.ask('a').answer).status).toBe(403)
    expect((await scene.ask('a', { headers: { 'x-key': 'right' } }).answer).status).toBe(200)
  })
})

describe('a flood of refusals', () => {
  it('is held back: the first are told at once, the others one after another', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('loud')
    await scene.arrived(1)
    const answered: number[] = []
    const flood = Array.from({ length: 60 }, () => scene.ask('loud'))
    for (const { answer } of flood) void answer.then(({ status }) => answered.push(status))
    await scene.until(() => answered.length === 50 && scene.gateway.load().held === 10)
    await scene.clock.advance(10)
    await scene.until(() => answered.length === 51)
    await scene.clock.advance(90)
    await scene.until(() => answered.length === 60)
    expect(new Set(answered)).toEqual(new Set([503]))
    expect(scene.gateway.load().refused).toEqual({ ALCOVE_QUEUE_FULL: 60 })
  })

  it('delays no refusal of another environment', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('loud')
    scene.ask('quiet')
    await scene.arrived(2)
    for (let times = 0; times < 60; times += 1) scene.ask('loud')
    await scene.until(() => scene.gateway.load().held === 10)
    expect(code(await scene.ask('quiet').answer)).toEqual([503, 'ALCOVE_QUEUE_FULL'])
  })

  it('keeps nothing of a client that leaves meanwhile', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('loud')
    await scene.arrived(1)
    const flood = Array.from({ length: 60 }, () => scene.ask('loud'))
    await scene.until(() => scene.gateway.load().held === 10)
    for (const { client } of flood) client.destroy()
    await scene.until(() => scene.gateway.load().held === 0)
  })

  it('ends connections where there is no room even to be refused', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0, maxHeld: 5 })
    scene.ask('loud')
    await scene.arrived(1)
    const flood = Array.from({ length: 60 }, () => scene.ask('loud'))
    let answered = 0
    let ended = 0
    for (const { answer } of flood) {
      void answer.then(
        () => (answered += 1),
        () => (ended += 1),
      )
    }
    await scene.until(() => answered === 50 && ended === 5)
    expect(scene.gateway.load().held).toBe(5)
  })
})

describe('a gateway that has too much to do', () => {
  it('turns away who asks for most, and nobody else', async () => {
    let asked = 0
    let answered = 0
    await using scene = await LoadScene.of({
      maxLoopLagMs: 1,
      authorize: (_request, { id }) => {
        if (id === 'loud') asked += 1
        return true
      },
    })
    // In this process: what an environment takes, the gateway lacks.
    scene.upstream.on('request', (_request, response) => {
      const endMs = performance.now() + 4
      while (performance.now() < endMs);
      response.end()
    })
    const flood = { over: false }
    const loud = Array.from({ length: 40 }, async () => {
      while (!flood.over) {
        const { status } = await scene.ask('loud').answer
        if (status === 200) answered += 1
      }
    })
    const statuses: number[] = []
    let quietSqueezed = false
    while (!(scene.gateway.load().refused['ALCOVE_OVERLOADED'] ?? 0)) {
      statuses.push((await scene.ask('quiet').answer).status)
      quietSqueezed ||= scene.loadOf('quiet')?.squeezed === true
    }
    expect(quietSqueezed).toBe(false)
    statuses.push((await scene.ask('quiet').answer).status)
    flood.over = true
    let left = loud.length
    for (const client of loud) void client.then(() => (left -= 1))
    await scene.until(() => {
      // What is held back of the refusals waits for this clock.
      scene.clock.advanceSync(10)
      return left === 0
    })
    await scene.until(() => scene.gateway.load().environments.length === 0)
    expect(new Set(statuses)).toEqual(new Set([200]))
    // Who is turned away costs the host nothing.
    expect(asked).toBe(answered)
  })
})

describe('over HTTP/2', () => {
  it('a stream waits, leaves and is refused as a request does', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 1 })
    const server = createHttp2((request, response) => void scene.gateway(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const ask = (): ReturnType<typeof session.request> => {
      const stream = session.request({ ':path': '/', 'x-env-id': 'a' })
      stream.on('error', () => {})
      return stream
    }
    ask()
    await scene.arrived(1)
    const leaves = ask()
    await scene.queued('a', 1)
    const [headers] = (await once(ask(), 'response')) as [IncomingHttpHeaders]
    expect([headers[':status'], headers['x-alcove-limit']]).toEqual([
      503,
      'maxQueued; whose=environment; environment="a"; retry-after-ms=1000',
    ])
    leaves.close()
    await scene.queued('a', 0)
    const stays = ask()
    await scene.queued('a', 1)
    scene.answerFirst()
    await scene.arrived(1)
    scene.answerFirst()
    const [answer] = (await once(stays, 'response')) as [IncomingHttpHeaders]
    expect(answer[':status']).toBe(200)
    session.destroy()
    server.close()
  })
})
