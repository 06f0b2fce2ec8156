import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { LoadScene } from './test-support/load-scene.js'

const head = (id: string, more = ''): string => `Host: a\r\nX-Env-Id: ${id}\r\n${more}\r\n`

describe('what stays open leaves its place', () => {
  it('an event stream, at once', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 2 })
    for (let streams = 1; streams <= 16; streams += 1) {
      scene.ask('a', { path: '/events' })
      const asked = await scene.arrived(streams)
      const { response } = asked.at(-1) ?? {}
      response?.writeHead(200, { 'content-type': 'text/event-stream' })
      response?.write('data: 1\n\n')
      await scene.until(() => scene.loadOf('a')?.streams === streams)
    }
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 16 })
    const usual = scene.ask('a')
    const asked = await scene.arrived(17)
    asked.at(-1)?.response.end('done')
    expect((await usual.answer).status).toBe(200)
  })

  it('a WebSocket, at once, and is refused where there are as many as may', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxStreams: 2 })
    const sockets = new WebSocketServer({ server: scene.upstream })
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${scene.port}/`, {
        headers: { 'x-env-id': 'a' },
      })
      await once(socket, 'open')
      return socket
    }
    const [first, second] = [await open(), await open()]
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 2 })
    const third = new WebSocket(`ws://127.0.0.1:${scene.port}/`, { headers: { 'x-env-id': 'a' } })
    third.on('error', () => {})
    const [, response] = (await once(third, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([response.statusCode, response.headers['x-alcove-error']]).toEqual([
      503,
      'ALCOVE_STREAM_LIMIT',
    ])
    first.terminate()
    await scene.until(() => scene.loadOf('a')?.streams === 1)
    const fourth = await open()
    second.terminate()
    fourth.terminate()
    sockets.close()
  })

  it('an event stream that there is no place for gets 503, and its environment is told', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxStreams: 0 })
    const stream = scene.ask('a')
    const [asked] = await scene.arrived(1)
    const told = once(asked?.response ?? scene.upstream, 'close')
    asked?.response.writeHead(200, { 'content-type': 'text/event-stream' })
    asked?.response.write('data: 1\n\n')
    const { status, headers } = await stream.answer
    expect([status, headers['x-alcove-error']]).toEqual([503, 'ALCOVE_STREAM_LIMIT'])
    expect(headers['x-alcove-limit']).toContain('maxStreams; whose=environment')
    await told
  })

  it('a body that is open for `streamAfterMs`', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, streamAfterMs: 1_000 })
    scene.ask('a')
    const [asked] = await scene.arrived(1)
    asked?.response.write('a part')
    // The look at open bodies.
    await scene.until(() => scene.clock.pendingTimers > 0)
    scene.ask('a', { path: '/next' })
    await scene.queued('a', 1)
    await scene.clock.advance(999)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0, queued: 1 })
    await scene.clock.advance(251)
    const all = await scene.arrived(2)
    expect(all[1]?.request.url).toBe('/next')
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 1 })
  })

  it('but no answer that has not begun: it is the environment that takes its time', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, streamAfterMs: 1_000 })
    scene.ask('a')
    await scene.arrived(1)
    scene.ask('a')
    await scene.queued('a', 1)
    await scene.clock.advance(5_000)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0, queued: 1 })
  })

  it('a body is cut off where there is no place for another stream', async () => {
    const cut: (string | undefined)[] = []
    await using scene = await LoadScene.of({
      maxInFlight: 1,
      maxStreams: 0,
      streamAfterMs: 1_000,
      onError: (error) => void cut.push(error.code),
    })
    const { answer } = scene.ask('a')
    const [asked] = await scene.arrived(1)
    asked?.response.write('a part')
    await scene.until(() => scene.clock.pendingTimers > 0)
    await scene.clock.advance(1_250)
    await expect(answer).rejects.toThrow('aborted')
    expect(cut).toEqual(['ALCOVE_STREAM_LIMIT'])
    expect(scene.gateway.load().refused).toEqual({ ALCOVE_STREAM_LIMIT: 1 })
  })
})

describe('uploads', () => {
  it('that are slow take no place, however many', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 2, maxStreams: 100 })
    for (let uploads = 0; uploads < 150; uploads += 1) {
      const socket = await scene.socket()
      socket.write(`POST /slow HTTP/1.1\r\n${head('a', 'Content-Length: 1000000\r\n')}x`)
    }
    await scene.until(() => scene.loadOf('a')?.queued === 50)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 100, queued: 50 })
    const usual = scene.ask('a', { path: '/usual' })
    const asked = await scene.arrived(101)
    asked.find(({ request }) => request.url === '/usual')?.response.end('done')
    expect((await usual.answer).status).toBe(200)
  })

  it('take a place once they are whole, and are the environment’s turn', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1 })
    const socket = await scene.socket()
    socket.write(`POST / HTTP/1.1\r\n${head('a', 'Content-Length: 4\r\n')}ab`)
    const [asked] = await scene.arrived(1)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 0, streams: 1 })
    socket.write('cd')
    asked?.request.resume()
    await scene.until(() => scene.loadOf('a')?.inFlight === 1)
    scene.ask('a')
    await scene.queued('a', 1)
    scene.answerFirst()
    await scene.arrived(1)
  })

  it('that come with their heads are requests like others', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 1, maxStreams: 0 })
    // Nobody waits for a start any more.
    const { answer } = scene.ask('a')
    await scene.arrived(1)
    scene.answerFirst()
    await answer
    const socket = await scene.socket()
    socket.write(`POST / HTTP/1.1\r\n${head('a', 'Content-Length: 4\r\n')}abcd`)
    await scene.arrived(1)
    expect(scene.loadOf('a')).toMatchObject({ inFlight: 1, streams: 0 })
  })

  it('below the least rate get 408, and leave', async () => {
    await using scene = await LoadScene.of({
      minBodyBytesPerSecond: 10,
      bodyRateWindowMs: 1_000,
      maxStreams: 1,
    })
    const socket = await scene.socket()
    let answer = ''
    socket.on('data', (part: Buffer) => (answer += part.toString('latin1')))
    socket.write(`POST / HTTP/1.1\r\n${head('a', 'Content-Length: 1000\r\n')}x`)
    await scene.arrived(1)
    const waits = await scene.socket()
    waits.write(`POST /next HTTP/1.1\r\n${head('a', 'Content-Length: 1000\r\n')}x`)
    await scene.queued('a', 1)
    await scene.clock.advance(1_250)
    while (!answer.includes('ALCOVE_SLOW_BODY')) {
      await once(socket, 'data')
    }
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answer.toLowerCase()).toContain('x-alcove-limit: minbodybytespersecond')
    const asked = await scene.arrived(2)
    expect(asked[1]?.request.url).toBe('/next')
  })

  it('are not slow where it is the environment that does not read', async () => {
    await using scene = await LoadScene.of({
      minBodyBytesPerSecond: 1_000,
      bodyRateWindowMs: 1_000,
    })
    const upload = httpRequest({
      host: '127.0.0.1',
      port: scene.port,
      method: 'POST',
      headers: { 'x-env-id': 'a' },
    })
    upload.on('error', () => {})
    const part = Buffer.alloc(1024 * 1024)
    const fill = (): void => {
      while (upload.write(part));
    }
    upload.on('drain', fill)
    fill()
    const [asked] = await scene.arrived(1)
    let halted = 0
    // Until nothing goes on any more: all that lies between is full.
    while (halted !== upload.writableLength || upload.writableLength === 0) {
      halted = upload.writableLength
      const other = scene.ask('b')
      await scene.arrived(2)
      scene.asked.pop()?.response.end()
      await other.answer
    }
    await scene.clock.advance(10_000)
    expect(asked?.request.destroyed).toBe(false)
    expect(scene.loadOf('a')).toMatchObject({ streams: 1 })
    upload.destroy()
  })
})

describe('answers that are complete, and that their clients do not get', () => {
  it('leave their places to those who wait: those behind an event stream on one connection', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 4 })
    const socket = await scene.socket()
    socket.write(`GET /events HTTP/1.1\r\n${head('a')}`)
    const [stream] = await scene.arrived(1)
    stream?.response.writeHead(200, { 'content-type': 'text/event-stream' })
    stream?.response.write('data: 1\n\n')
    await scene.until(() => scene.loadOf('a')?.streams === 1)
    scene.asked.shift()
    socket.write(`GET /small HTTP/1.1\r\n${head('a')}`.repeat(4))
    await scene.arrived(4)
    while (scene.asked.length > 0) scene.answerFirst()
    await scene.until(() => scene.clock.pendingTimers > 0)
    const usual = scene.ask('a', { path: '/usual' })
    await scene.queued('a', 1)
    await scene.clock.advance(10)
    await scene.arrived(1)
    scene.answerFirst()
    expect((await usual.answer).status).toBe(200)
  })

  it('are cut off at the least rate, as bodies that are open are', async () => {
    await using scene = await LoadScene.of({ minBodyBytesPerSecond: 1, bodyRateWindowMs: 1_000 })
    const socket = await scene.socket()
    socket.pause()
    socket.write(`GET / HTTP/1.1\r\n${head('a')}`)
    const [asked] = await scene.arrived(1)
    const body = Buffer.alloc(6 * 1024 * 1024)
    asked?.response.writeHead(200, { 'content-length': body.length })
    asked?.response.end(body)
    await scene.until(() => {
      scene.clock.advanceSync(100)
      return scene.gateway.load().refused['ALCOVE_SLOW_BODY'] === 1
    })
    await scene.until(
      () => (scene.loadOf('a')?.streams ?? 0) === 0 && (scene.loadOf('a')?.inFlight ?? 0) === 0,
    )
  })
})

describe('clients that do not read', () => {
  it('leave their places to those who wait', async () => {
    await using scene = await LoadScene.of({ maxInFlight: 4, maxStreams: 100 })
    for (let readers = 1; readers <= 20; readers += 1) {
      const socket = await scene.socket()
      socket.pause()
      socket.write(`GET /large HTTP/1.1\r\n${head('a')}`)
    }
    const answerAll = (): void => {
      for (const { request, response } of scene.asked.splice(0)) {
        response.end(request.url === '/large' ? Buffer.alloc(16 * 1024 * 1024) : 'done')
      }
    }
    let usual: ReturnType<LoadScene['ask']> | undefined
    await scene.until(() => {
      answerAll()
      if ((scene.loadOf('a')?.queued ?? 0) > 0) usual ??= scene.ask('a', { path: '/usual' })
      scene.clock.advanceSync(1)
      return scene.loadOf('a')?.streams === 20
    })
    await scene.until(() => {
      answerAll()
      return (scene.loadOf('a')?.inFlight ?? 0) === 0
    })
    expect((await usual?.answer)?.status).toBe(200)
  })

  it('are cut off once that takes too long', async () => {
    await using scene = await LoadScene.of({ minBodyBytesPerSecond: 1, bodyRateWindowMs: 1_000 })
    const socket = await scene.socket()
    socket.pause()
    socket.write(`GET / HTTP/1.1\r\n${head('a')}`)
    const [asked] = await scene.arrived(1)
    asked?.response.end(Buffer.alloc(32 * 1024 * 1024))
    const closed = once(socket, 'close')
    await scene.until(() => {
      scene.clock.advanceSync(100)
      return scene.gateway.load().refused['ALCOVE_SLOW_BODY'] === 1
    })
    socket.resume()
    await closed
  })
})
