import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { inProcessSpawner } from '../spawning/in-process.js'
import { LoadScene } from './test-support/load-scene.js'

describe('places of an environment', () => {
  it('are 16: the next request waits until one is free', async () => {
    await using scene = await LoadScene.of()
    const asking = Array.from({ length: 17 }, () => scene.ask('a'))
    await scene.arrived(16)
    await scene.queued('a', 1)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 16, queued: 1 })
    scene.answerFirst()
    await scene.arrived(16)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 16, queued: 0 })
    while (scene.asked.length > 0) scene.answerFirst()
    const answers = await Promise.all(asking.map(({ answer }) => answer))
    expect(answers.map(({ status }) => status)).toEqual(Array(17).fill(200))
  })

  it('go in the order in which requests came', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1 })
    for (const [index, path] of ['/1', '/2', '/3', '/4'].entries()) {
      scene.ask('a', { path })
      if (index === 0) await scene.arrived(1)
      else await scene.queued('a', index)
    }
    const paths: (string | undefined)[] = []
    for (let times = 0; times < 4; times += 1) {
      const [first] = await scene.arrived(1)
      paths.push(first?.request.url)
      scene.answerFirst()
    }
    expect(paths).toEqual(['/1', '/2', '/3', '/4'])
  })

  it('are of one environment: the line of another delays nobody', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 2 })
    for (let times = 0; times < 50; times += 1) scene.ask('loud')
    await scene.queued('loud', 48)
    const quiet = scene.ask('quiet')
    const asked = await scene.arrived(3)
    asked.at(-1)?.response.end('at once')
    expect(await quiet.answer).toMatchObject({ status: 200, body: 'at once' })
  })

  it('are free again when their client leaves', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1 })
    const first = scene.ask('a')
    await scene.arrived(1)
    scene.ask('a', { path: '/second' })
    await scene.queued('a', 1)
    first.client.destroy()
    const asked = await scene.arrived(2)
    expect(asked[1]?.request.url).toBe('/second')
  })

  it('may be more, or without a limit', async () => {
    await using scene = await LoadScene.of({ maxInFlight: Number.POSITIVE_INFINITY })
    for (let times = 0; times < 100; times += 1) scene.ask('a')
    await scene.arrived(100)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 100, queued: 0 })
  })

  it('may be others for one environment, by `limitsFor`', async () => {
    await using scene = await LoadScene.of({
      limitsFor: ({ id }) => (id === 'small' ? { maxInFlight: 1 } : undefined),
    })
    for (let times = 0; times < 3; times += 1) {
      scene.ask('small')
      scene.ask('usual')
    }
    await scene.arrived(4)
    await scene.queued('small', 2)
    expect(scene.loadOf('usual')).toMatchObject({ inFlight: 3, queued: 0 })
  })

  it('are not let go by what `limitsFor` gets wrong', async () => {
    await using scene = await LoadScene.of({ limitsFor: () => ({ maxInFlight: -1 }) })
    const { status, body } = await scene.ask('a').answer
    expect(status).toBe(500)
    expect(JSON.parse(body)).toMatchObject({ code: 'ALCOVE_HOOK_FAILED', environment: 'a' })
  })
})

describe('a full line', () => {
  it('refuses, and says which limit, whose, and when to try again', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 1 })
    scene.ask('a')
    await scene.arrived(1)
    scene.ask('a')
    await scene.queued('a', 1)
    const { status, headers, body } = await scene.ask('a').answer
    expect(status).toBe(503)
    expect(headers['retry-after']).toBe('1')
    expect(headers['x-alcove-error']).toBe('ALCOVE_QUEUE_FULL')
    expect(headers['x-alcove-limit']).toBe(
      'maxQueued; whose=environment; environment="a"; retry-after-ms=1000',
    )
    expect(JSON.parse(body)).toMatchObject({
      code: 'ALCOVE_QUEUE_FULL',
      environment: 'a',
      limit: 'maxQueued',
      whose: 'environment',
      retryAfterMs: 1000,
    })
    expect(scene.gateway.load().refused).toEqual({ ALCOVE_QUEUE_FULL: 1 })
  })

  it('tells a browser that navigates the same on a page', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('a')
    await scene.arrived(1)
    const { headers, body } = await scene.ask('a', { headers: { accept: 'text/html' } }).answer
    expect(headers['content-type']).toContain('text/html')
    expect(body).toContain('ALCOVE_QUEUE_FULL · maxQueued of the environment · try again in 1 s')
  })

  it('has room again when one who waits leaves', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 1 })
    scene.ask('a')
    await scene.arrived(1)
    const leaves = scene.ask('a', { path: '/leaves' })
    await scene.queued('a', 1)
    leaves.client.destroy()
    await scene.queued('a', 0)
    const stays = scene.ask('a', { path: '/stays' })
    await scene.queued('a', 1)
    scene.answerFirst()
    const [next] = await scene.arrived(1)
    expect(next?.request.url).toBe('/stays')
    next?.response.end('done')
    expect((await stays.answer).status).toBe(200)
    expect(scene.gateway.load().held).toBe(0)
  })
})

describe('a request that waits for its turn', () => {
  it('waits for as long as it may, and no longer', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, queueTimeoutMs: 2_000 })
    scene.ask('a')
    await scene.arrived(1)
    const late = scene.ask('a')
    await scene.queued('a', 1)
    await scene.clock.advance(1_999)
    expect(scene.loadOf('a')?.queued).toBe(1)
    await scene.clock.advance(1)
    const { status, headers } = await late.answer
    expect([status, headers['x-alcove-error']]).toEqual([503, 'ALCOVE_QUEUE_TIMEOUT'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  })

  it('keeps its environment from being idle', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, idleTimeoutMs: 100 })
    scene.ask('a')
    await scene.arrived(1)
    scene.ask('a')
    await scene.queued('a', 1)
    await scene.clock.advance(1_000)
    expect(scene.gateway.manager.explain('a').state).toBe('ready')
  })

  it('goes to the next instance where this one ends meanwhile', async () => {
    const started: string[] = []
    await using scene = await LoadScene.of({
      maxInFlight: 1,
      spawner: inProcessSpawner({
        app: ({ id }) => {
          const name = `${id}${started.push(id)}`
          // The first never answers.
          return (_request, response) => void (name === 'a1' || response.end(name))
        },
      }),
      specFor: () => ({ run: {} }),
      graceMs: 0,
    })
    const hangs = scene.ask('a')
    await scene.until(() => scene.loadOf('a')?.inFlight === 1)
    const waits = scene.ask('a')
    await scene.queued('a', 1)
    await scene.gateway.manager.stop('a', { drainMs: 0 })
    expect((await hangs.answer).status).toBe(502)
    expect(await waits.answer).toMatchObject({ status: 200, body: 'a2' })
  })

  it('holds up no instance that is to end, and goes to the next', async () => {
    const answers = new Map<string, () => void>()
    await using scene = await LoadScene.of({
      maxInFlight: 1,
      spawner: inProcessSpawner({
        app: () => {
          const name = `instance ${answers.size + 1}`
          answers.set(name, () => {})
          return (_request, response) => {
            if (name === 'instance 1') answers.set(name, () => response.end(name))
            else response.end(name)
          }
        },
      }),
      specFor: () => ({ run: {} }),
    })
    const first = scene.ask('a')
    await scene.until(() => scene.loadOf('a')?.inFlight === 1)
    const waits = scene.ask('a')
    await scene.queued('a', 1)
    const stopped = scene.gateway.manager.stop('a', { drainMs: 60_000 })
    await scene.until(() => scene.loadOf('a')?.waiting === 1)
    answers.get('instance 1')?.()
    await stopped
    expect((await first.answer).body).toBe('instance 1')
    expect((await waits.answer).body).toBe('instance 2')
  })

  it('is told so when the gateway closes', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1 })
    scene.ask('a')
    await scene.arrived(1)
    const waits = scene.ask('a')
    await scene.queued('a', 1)
    await scene.gateway.close({ drainMs: 0 })
    const { status, headers } = await waits.answer
    expect([status, headers['x-alcove-error']]).toEqual([503, 'ALCOVE_CLOSED'])
    expect(scene.clock.pendingTimers).toBe(0)
  })
})

describe('requests without waiting for answers (pipelining)', () => {
  it('are not read on while one of them waits', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1 })
    const socket = await scene.socket()
    const one = 'GET / HTTP/1.1\r\nHost: a\r\nX-Env-Id: a\r\n\r\n'
    socket.write(one)
    await scene.arrived(1)
    socket.write(one.repeat(3))
    await scene.until(() => scene.gateway.load().held > 0)
    const { held } = scene.gateway.load()
    // They can't be answered before the first, and take no room in line from others.
    expect(scene.loadOf('a')?.queued).toBe(0)
    // As much as one read brings is taken in; nothing of what comes now.
    for (let times = 0; times < 20; times += 1) {
      socket.write(one.repeat(20))
      const other = scene.ask('b')
      const asked = await scene.arrived(2)
      asked.at(-1)?.response.end()
      scene.asked.pop()
      await other.answer
    }
    expect(scene.gateway.load().held).toBe(held)
    let got = ''
    socket.on('data', (part: Buffer) => (got += part.toString('latin1')))
    const answers = (): number => got.split('HTTP/1.1 200').length - 1
    const all = 1 + 3 + 400
    while (answers() < all) {
      if (scene.asked.length > 0) scene.answerFirst()
      else await Promise.race([scene.arrived(1), once(socket, 'data')])
    }
    expect(answers()).toBe(all)
  })

  it('leave nothing behind when their connection breaks', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 4 })
    const one = 'GET / HTTP/1.1\r\nHost: a\r\nX-Env-Id: a\r\n\r\n'
    const sockets = await Promise.all(Array.from({ length: 10 }, () => scene.socket()))
    for (const socket of sockets) socket.write(one.repeat(20))
    await scene.arrived(4)
    await scene.until(() => scene.gateway.load().held >= 100)
    for (const socket of sockets) socket.resetAndDestroy()
    // Those that are not read are told of the break when they are answered.
    await scene.until(() => {
      if (scene.asked.length > 0) scene.answerFirst()
      return scene.gateway.load().held === 0 && (scene.loadOf('a')?.inFlight ?? 0) === 0
    })
    const next = scene.ask('a')
    let status = 0
    void next.answer.then((answer) => (status = answer.status))
    await scene.until(() => {
      if (scene.asked.length > 0) scene.answerFirst()
      return status > 0
    })
    expect(status).toBe(200)
  })

  it('are refused one after another where their line is full', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxQueued: 0 })
    scene.ask('a')
    await scene.arrived(1)
    const socket = await scene.socket()
    let got = ''
    socket.on('data', (part: Buffer) => (got += part.toString('latin1')))
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nX-Env-Id: a\r\n\r\n'.repeat(5))
    while (got.split('HTTP/1.1 503').length < 6) await once(socket, 'data')
    expect(scene.gateway.load().held).toBe(0)
  })

  it('are read on after `queueTimeoutMs`, so that it is noticed when their client leaves', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, queueTimeoutMs: 1_000 })
    const socket = await scene.socket()
    const one = 'GET / HTTP/1.1\r\nHost: a\r\nX-Env-Id: a\r\n\r\n'
    socket.write(one)
    const [first] = await scene.arrived(1)
    socket.write(one.repeat(3))
    await scene.until(() => scene.gateway.load().held === 3)
    const told = once(first?.response ?? scene.upstream, 'close')
    await scene.clock.advance(1_000)
    socket.resetAndDestroy()
    await told
    await scene.until(() => scene.gateway.load().held === 0)
  })
})
