import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { systemClock } from '../clock.js'
import { headerRouter } from '../routing/header.js'
import { pathRouter } from '../routing/path.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import type { InProcessContext } from '../spawning/in-process-instance.js'
import { staticSpawner } from '../spawning/static.js'
import { manualClock, type ManualClock } from '../testing/manual-clock.js'
import { createGateway, type Gateway } from './gateway.js'
import type { GatewayOptions } from './options.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

interface Bench {
  readonly gateway: Gateway
  readonly server: Server
  readonly port: number
  readonly clock: ManualClock
  /** Tells `request` with the response of each request to an environment, and `started`. */
  readonly events: EventEmitter
  /** By id, the latest instance. */
  readonly instances: Map<string, InProcessContext>
  get(
    id: string,
    path?: string,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }>
  stopped(id: string): Promise<void>
}

async function make(options: Partial<GatewayOptions> = {}): Promise<Bench> {
  const clock = manualClock()
  const events = new EventEmitter()
  const instances = new Map<string, InProcessContext>()
  const gateway = createGateway({
    router: headerRouter({ name: 'x-env-id' }),
    clock,
    idleTimeoutMs: 1_000,
    graceMs: 50,
    specFor: () => ({ run: null }),
    spawner: inProcessSpawner({
      app(context) {
        instances.set(context.id, context)
        events.emit('started', context.id)
        const server = createServer((request, response) => {
          if (request.url === '/now') response.end(`${context.id}#${context.generation}`)
          else if (request.url === '/cookies') response.end(String(request.headers.cookie))
          else events.emit('request', response)
        })
        const sockets = new WebSocketServer({ server })
        sockets.on('connection', (socket) => {
          events.emit('socket', socket)
          socket.on('message', (data, binary) => socket.send(data, { binary }))
        })
        return server
      },
    }),
    ...options,
  })
  const server = createServer((request, response) => {
    void gateway(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway.attach(server)
  const { port } = server.address() as AddressInfo
  ends.push(async () => {
    await gateway.close({ drainMs: 0 })
    server.close()
    server.closeAllConnections()
  })
  return {
    gateway,
    server,
    port,
    clock,
    events,
    instances,
    async get(id, path = '/now') {
      const response = await open(port, id, path)
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: await text(response),
      }
    },
    async stopped(id) {
      while (gateway.manager.explain(id).state !== 'stopped') {
        await clock.advance(0)
      }
    },
  }
}

async function open(port: number, id: string, path: string): Promise<IncomingMessage> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    headers: { 'x-env-id': id },
    agent: false,
  })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

describe('an environment is kept while it is used', () => {
  it('by an event stream, and goes when that has ended and the time is over', async () => {
    const { port, clock, events, gateway, stopped } = await make()
    const asked = once(events, 'request')
    const client = open(port, 'a', '/events')
    const [upstream] = (await asked) as [import('node:http').ServerResponse]
    upstream.writeHead(200, { 'content-type': 'text/event-stream' })
    upstream.write('data: 1\n\n')
    const response = await client
    await once(response, 'data')
    await clock.advance(100_000)
    expect(gateway.manager.explain('a')).toMatchObject({ state: 'ready', leases: { stream: 1 } })
    upstream.end()
    await once(response.resume(), 'end')
    await idle(gateway, 'a')
    await clock.advance(999)
    expect(gateway.manager.explain('a').state).toBe('ready')
    await clock.advance(1)
    await stopped('a')
  })

  it('by a long download', async () => {
    const { port, clock, events, gateway } = await make()
    const asked = once(events, 'request')
    const client = open(port, 'a', '/download')
    const [upstream] = (await asked) as [import('node:http').ServerResponse]
    upstream.writeHead(200, { 'content-length': 2 })
    upstream.write('a')
    const response = await client
    await clock.advance(100_000)
    expect(gateway.manager.explain('a').state).toBe('ready')
    upstream.end('b')
    expect(await text(response)).toBe('ab')
  })

  it('by a WebSocket that carries messages, but not by one with nothing but pings', async () => {
    const { port, clock, events, gateway, stopped } = await make({ upgradeIdleTimeoutMs: 5_000 })
    const accepted = once(events, 'socket')
    const client = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { 'x-env-id': 'a' } })
    const [upstream] = (await accepted) as [WebSocket]
    await once(client, 'open')
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(4_000)
      client.send('still here')
      expect(String((await once(client, 'message'))[0])).toBe('still here')
    }
    expect(gateway.manager.explain('a').leases.upgrade).toBe(1)
    const closed = once(client, 'close')
    for (let i = 0; i < 4; i += 1) {
      await clock.advance(1_200)
      client.ping()
      await once(upstream, 'ping')
      upstream.ping()
      await once(client, 'ping')
    }
    await clock.advance(1_000)
    await closed
    await idle(gateway, 'a')
    await clock.advance(1_000)
    await stopped('a')
  })

  it('and not by a client that has left', async () => {
    const { port, clock, events, gateway, stopped } = await make()
    const asked = once(events, 'request')
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path: '/hang',
      headers: { 'x-env-id': 'a' },
    })
    request.on('error', () => {})
    request.end()
    const [upstream] = (await asked) as [import('node:http').ServerResponse]
    request.destroy()
    await once(upstream, 'close')
    await idle(gateway, 'a')
    await clock.advance(1_000)
    await stopped('a')
  })
})

describe('a WebSocket client that leaves while its environment starts', () => {
  it.each(['end', 'resetAndDestroy'] as const)('leaves no lease behind (%s)', async (how) => {
    const start = Promise.withResolvers<void>()
    const readiness = { ready: () => start.promise }
    const { port, server, events, gateway } = await make({ readiness })
    const upgrades: number[] = []
    events.on('socket', () => upgrades.push(1))
    const client = connect(port, '127.0.0.1').on('error', () => {})
    const accepted = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>
    client.write(
      'GET / HTTP/1.1\r\nHost: a\r\nx-env-id: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    const [, socket] = await accepted
    const closed = new Promise((resolve) => socket.once('close', resolve))
    client[how]()
    await closed
    start.resolve()
    await gateway.manager.create('a')
    const { leases } = gateway.manager.explain('a')
    expect(leases).toEqual({ request: 0, stream: 0, upgrade: 0, waiting: 0 })
    expect(upgrades).toEqual([])
  })
})

it.each(['HEAD', 'POST'])(
  'an error ends the stream of a %s over HTTP/2, whose body is read so far',
  async (method) => {
    const { gateway } = await make()
    const server = createHttp2Server((request, response) => void gateway(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    ends.push(async () => {
      session.destroy()
      server.close()
    })
    const stream = session.request(
      { ':method': method, ':path': '/', 'x-env-id': 'no id' },
      { endStream: false },
    )
    const answered = once(stream, 'response')
    const taken = once(server, 'stream')
    // More than the window of a stream that nobody reads (RFC 9113 §6.9.2).
    stream.resume().end(Buffer.alloc(1 << 20))
    const [accepted] = (await taken) as [ServerHttp2Stream]
    const closed = new Promise((resolve) => accepted.once('close', resolve))
    const [head] = (await answered) as [Record<string, unknown>]
    expect(head[':status']).toBe(400)
    await closed
    expect(accepted.rstCode).toBe(0)
  },
)

it('a client that still sends gets its error whole, and may then be cut off', async () => {
  const { port } = await make()
  const client = connect(port, '127.0.0.1').setEncoding('latin1')
  client.write('POST / HTTP/1.1\r\nHost: a\r\nx-env-id: no id\r\nContent-Length: 10000000\r\n\r\n')
  let answer = ''
  client.on('data', (chunk: string) => {
    answer += chunk
  })
  const ended = new Promise((resolve) => client.once('end', resolve))
  client.end(Buffer.alloc(10_000_000))
  await ended
  expect(answer).toContain('HTTP/1.1 400 ')
  expect(answer).toContain('ALCOVE_ROUTE_REJECTED')
})

describe('through the gateway', () => {
  it('200 first requests at once start it once, and all are answered', async () => {
    const { get, events } = await make()
    let starts = 0
    events.on('started', () => {
      starts += 1
    })
    const answers = await Promise.all(Array.from({ length: 200 }, () => get('a')))
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['a#1']))
    expect(starts).toBe(1)
  })

  it('a crashed environment answers 503 with Retry-After and the reason, then restarts', async () => {
    const { get, clock, instances, gateway } = await make({ initialBackOffMs: 2_000 })
    expect((await get('a')).body).toBe('a#1')
    const failed = new Promise<void>((resolve) => {
      gateway.manager.on('transition', ({ to }) => {
        if (to === 'failed') resolve()
      })
    })
    instances.get('a')!.exit(3)
    await failed
    const refused = await get('a')
    expect(refused.status).toBe(503)
    expect(refused.headers['retry-after']).toBe('2')
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'ALCOVE_BACKING_OFF',
      detail: expect.stringMatching(
        /^Environment "a" exited with code 3\. It failed once and is tried again in 2 s$/,
      ),
    })
    await clock.advance(2_000)
    expect((await get('a')).body).toBe('a#2')
  })

  it('a full gateway answers 503 with Retry-After once the wait is over', async () => {
    const { port, get, clock, events } = await make({
      maxEnvironments: 1,
      capacityTimeoutMs: 3_000,
    })
    const asked = once(events, 'request')
    const holding = open(port, 'a', '/hold')
    await asked
    const waiting = get('b')
    await waitFor(() => clock.pendingTimers > 0)
    await clock.advance(3_000)
    const refused = await waiting
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '3'])
    void holding.catch(() => {})
  })

  it('a request to an environment that can not be connected to waits until it answers, body and all', async () => {
    const answer = (name: string): Server =>
      createServer((request, response) => {
        void text(request).then((body) => response.end(`${name} ${body}`))
      })
    const first = answer('first').listen(0, '127.0.0.1')
    await once(first, 'listening')
    const where = (first.address() as AddressInfo).port
    const { port, gateway } = await make({
      spawner: staticSpawner(),
      clock: systemClock,
      specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: where } } }),
    })
    const post = async (): Promise<string> => {
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        method: 'POST',
        headers: { 'x-env-id': 'a' },
        agent: false,
      })
      request.end('with a body')
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return text(response)
    }
    expect(await post()).toBe('first with a body')
    first.closeAllConnections()
    await new Promise((resolve) => first.close(resolve))
    const unready = new Promise<void>((resolve) => {
      gateway.manager.on('transition', ({ to }) => {
        if (to === 'unready') resolve()
      })
    })
    const waiting = post()
    await unready
    const second = answer('second').listen(where, '127.0.0.1')
    expect(await waiting).toBe('second with a body')
    second.closeAllConnections()
    second.close()
  })

  it('an environment that was evicted starts again at the next request', async () => {
    const { get, clock, stopped } = await make()
    expect((await get('a')).body).toBe('a#1')
    await clock.advance(1_000)
    await stopped('a')
    expect((await get('a')).body).toBe('a#2')
  })

  it("another site's page does not start again what is just being stopped", async () => {
    const { port, gateway, clock, events } = await make({
      crossSiteStarts: 'refuse',
      graceMs: 1_000,
    })
    const asked = once(events, 'request')
    const holding = open(port, 'a', '/hold').catch(() => undefined)
    await asked
    const stopped = gateway.manager.stop('a', { drainMs: 500 })
    expect(gateway.manager.explain('a').state).toBe('stopping')
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      headers: { 'x-env-id': 'a', 'sec-fetch-site': 'cross-site' },
      agent: false,
    })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(403)
    await clock.advance(500)
    await stopped
    await holding
    expect(gateway.manager.explain('a').generation).toBe(1)
  })

  it('a path names an environment, and its cookie keeps absolute URLs in it', async () => {
    const { port } = await make({ router: pathRouter({ prefix: '/env/', cookie: true }) })
    const ask = async (path: string, headers: Record<string, string> = {}) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false })
      request.end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return { status: response.statusCode, headers: response.headers, body: await text(response) }
    }
    const bare = await ask('/env/a?x=1')
    expect([bare.status, bare.headers.location]).toEqual([307, '/env/a/?x=1'])
    const page = await ask('/env/a/now')
    expect(page.body).toBe('a#1')
    const cookie = page.headers['set-cookie']![0]!.split(';')[0]!
    expect((await ask('/now', { cookie })).body).toBe('a#1')
    expect((await ask('/env/A/now')).status).toBe(400)
  })

  it('HTTP/2 clients get the same answers', async () => {
    const { gateway } = await make()
    const server = createHttp2Server((request, response) => {
      void gateway(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/now', 'x-env-id': 'a' })
    expect(await text(stream)).toBe('a#1')
    const refused = session.request({ ':path': '/now', 'x-env-id': 'NO' })
    const [headers] = (await once(refused, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(400)
    await text(refused)
    session.close()
    server.close()
  })

  it('a manager that the host shares is used, and left open', async () => {
    const { gateway } = await make()
    const second = createGateway({ router: headerRouter(), manager: gateway.manager })
    await second.close()
    await gateway.manager.create('a')
    expect(gateway.manager.get('a')!.state).toBe('ready')
  })

  it('tells the host when one of its own functions fails, and tells the client nothing of it', async () => {
    const problems: unknown[] = []
    const { get, gateway } = await make({
      authorize: () => {
        throw new Error('password is hunter2')
      },
    })
    gateway.manager.on('problem', (error) => problems.push(error.cause))
    const { status, body } = await get('a')
    expect(status).toBe(500)
    expect(body).not.toContain('hunter2')
    expect(String(problems[0])).toContain('hunter2')
  })

  it('leaves no connection, timer or listener behind', async () => {
    const { get, gateway, clock, server } = await make()
    await get('a')
    await gateway.close({ drainMs: 0 })
    expect(clock.pendingTimers).toBe(0)
    expect(server.listenerCount('upgrade')).toBe(0)
  })
})

async function idle(gateway: Gateway, id: string): Promise<void> {
  const { leases } = gateway.manager.explain(id)
  if (leases.request + leases.stream + leases.upgrade === 0) return
  await waitFor(() => {
    const now = gateway.manager.explain(id).leases
    return now.request + now.stream + now.upgrade === 0
  })
}

/** Turns of the event loop, until something has come over a socket. */
async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
