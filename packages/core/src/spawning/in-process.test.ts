import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, Server } from 'node:http'
import { createServer as createNetServer, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Endpoint } from '../environment/endpoint.js'
import { manualClock } from '../testing/manual-clock.js'
import { describeSpawner } from '../testing/spawner-conformance.js'
import type { InProcessContext } from './in-process-instance.js'
import { inProcessSpawner, type InProcessSpawnerOptions } from './in-process.js'
import type { SpawnContext, Spawner, Status } from './spawner.js'

type Run = { readonly does: 'serve' | 'print' | 'crash' | 'fail' | 'hang' }

for (const listen of ['socket', 'port'] as const) {
  describeSpawner<Run, never>(
    { describe, it },
    {
      name: `in-process, on a ${listen}`,
      async make() {
        let begin = (): void => {}
        const begun = new Promise<void>((resolve) => {
          begin = resolve
        })
        const live = new Set<string>()
        const app = ({ id, run, signal, log, exit }: InProcessContext<Run>) => {
          if (run.does === 'fail') throw new Error('no such application')
          live.add(id)
          signal.addEventListener('abort', () => live.delete(id))
          if (run.does === 'hang') {
            begin()
            return new Promise<never>(() => {})
          }
          if (run.does === 'print') setImmediate(() => log('hello'))
          if (run.does === 'crash') {
            setImmediate(() => {
              log('out of luck')
              exit(7)
            })
          }
          return createServer((_request, response) => response.end('hello'))
        }
        return {
          spawner: inProcessSpawner<Run>({ app, listen }) as Spawner<Run, never>,
          run: { does: 'serve' },
          badRuns: [undefined, () => {}, Number.NaN, [new Date()], { a: { b: Symbol('c') } }],
          printing: { run: { does: 'print' }, line: 'hello' },
          crashing: {
            run: { does: 'crash' },
            line: 'out of luck',
            exit: { reason: 'exited', exitCode: 7 },
          },
          failingRun: { does: 'fail' },
          slow: { run: { does: 'hang' }, begun: () => begun },
          leftovers: async () => [...live],
          dispose: async () => {},
          notApplicable: {
            grace: 'an application within this process has no say in its end',
            recovery: 'what runs in a process ends with it',
          },
        }
      },
    },
  )
}

const opened: { spawner: Spawner; handle: never }[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const { spawner, handle } of opened.splice(0)) {
    await spawner.stop(handle, { graceMs: 0, signal: patience() })
  }
})

const patience = (): AbortSignal => AbortSignal.timeout(15_000)

/** Starts one environment and observes it. */
async function started(
  options: InProcessSpawnerOptions,
  differences: Partial<SpawnContext> = {},
): Promise<{
  spawner: Spawner
  handle: never
  startLines: string[]
  lines: string[]
  told: Status[]
  status: Status
  endpoint: Endpoint
}> {
  const spawner: Spawner = inProcessSpawner(options)
  const startLines: string[] = []
  const context: SpawnContext = {
    gateway: 'g',
    id: 'pr-1',
    generation: 3,
    owner: 'me',
    specHash: 'h',
    signal: patience(),
    log: (line) => startLines.push(line),
    progress: () => {},
    ...differences,
  }
  const handle = (await spawner.start({ port: 1 }, context)) as never
  opened.push({ spawner, handle })
  const lines: string[] = []
  const told: Status[] = []
  const to = {
    log: (line: string) => lines.push(line),
    progress: () => {},
    status: (now: Status) => told.push(now),
  }
  const status = await spawner.observe(handle, to, patience())
  const endpoint: Endpoint = status.is === 'running' ? status.endpoint : { kind: 'dial' }
  return { spawner, handle, startLines, lines, told, status, endpoint }
}

function ask(endpoint: Endpoint, path = '/'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const at =
      endpoint.kind === 'unix'
        ? { socketPath: endpoint.path }
        : { host: '127.0.0.1', port: endpoint.kind === 'tcp' ? endpoint.port : 0 }
    get({ ...at, path, agent: false }, resolve).once('error', reject)
  })
}

describe('inProcessSpawner()', () => {
  it('passes the environment and its run to the application', async () => {
    const app = vi.fn<(context: InProcessContext) => Server>(() =>
      createServer((_request, response) => response.end('hello')),
    )
    const { endpoint, handle } = await started({ app })
    expect(app).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ id: 'pr-1', generation: 3, owner: 'me', run: { port: 1 } }),
    )
    expect(await text(await ask(endpoint))).toBe('hello')
    expect(handle).toMatchObject({ version: 1, id: 'pr-1', generation: 3 })
  })

  it('takes a listener, and a promise of one', async () => {
    for (const listen of ['socket', 'port'] as const) {
      const { endpoint } = await started({
        app:
          async ({ id }) =>
          (_request, response) =>
            response.end(`I am ${id}`),
        listen,
      })
      expect(await text(await ask(endpoint))).toBe('I am pr-1')
      expect(endpoint).toMatchObject(
        listen === 'socket' ? { kind: 'unix' } : { kind: 'tcp', host: '127.0.0.1' },
      )
    }
  })

  it('keeps its socket in a folder that nobody else can enter, and removes both', async () => {
    const { spawner, handle, endpoint } = await started({ app: () => () => {} })
    const path = endpoint.kind === 'unix' ? endpoint.path : ''
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(103)
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700)
    await spawner.stop(handle, { graceMs: 0, signal: patience() })
    await expect(stat(dirname(path))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('serves upgrades of a server', async () => {
    const server = new Server()
    server.on('upgrade', (_request, socket: Socket, head) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
      )
      socket.write(head)
      socket.pipe(socket)
    })
    const { spawner, handle, endpoint } = await started({ app: () => server })
    const client = connect({ path: endpoint.kind === 'unix' ? endpoint.path : '' })
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping')
    const closed = once(client, 'close')
    let received = ''
    client.on('data', (chunk) => {
      received += String(chunk)
    })
    await vi.waitUntil(() => received.endsWith('\r\n\r\nping'))
    expect(received).toContain('101 Switching Protocols')
    await spawner.stop(handle, { graceMs: 0, signal: patience() })
    await closed
  })

  it('lets a request come to its end within the grace, and takes no new one', async () => {
    const answer = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const { spawner, handle, told, endpoint } = await started({
      app: () => (_request, response) => {
        asked.resolve()
        void answer.promise.then(() => response.end('done'))
      },
    })
    const asking = ask(endpoint)
    await asked.promise
    const stopping = spawner.stop(handle, { graceMs: 60_000, signal: patience() })
    await expect(ask(endpoint)).rejects.toThrow(/ENOENT|ECONNREFUSED/)
    expect(told).toEqual([])
    answer.resolve()
    expect(await text(await asking)).toBe('done')
    await stopping
    expect(told).toEqual([{ is: 'gone', exit: { reason: 'exited', exitCode: 0 } }])
  })

  it('does not wait for kept-alive connections', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const { spawner, handle, endpoint } = await started({
      app: () =>
        // Its own time-out would close them after five seconds.
        createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
          if (request.url !== '/slow') return response.end('x')
          asked.resolve()
          return void answer.promise.then(() => response.end('x'))
        }),
    })
    const path = endpoint.kind === 'unix' ? endpoint.path : ''
    const [idle, busy] = [connect({ path }), connect({ path })]
    const closed = [once(idle, 'close'), once(busy, 'close')]
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(idle, 'data')
    busy.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(busy, 'data')
    busy.resume().write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    idle.resume()
    await asked.promise
    const stopping = spawner.stop(handle, { graceMs: 600_000, signal: patience() })
    await closed[0]
    answer.resolve()
    await expect(stopping).resolves.toBeUndefined()
    await closed[1]
  })

  it('cuts what is open when the grace is over', async () => {
    const clock = manualClock()
    const asked = Promise.withResolvers<void>()
    const { spawner, handle, told, endpoint } = await started({
      app: () => () => asked.resolve(),
      clock,
    })
    const cut = ask(endpoint).catch(String)
    await asked.promise
    const stopping = spawner.stop(handle, { graceMs: 1_000, signal: patience() })
    await clock.advance(999)
    expect(told).toEqual([])
    await clock.advance(1)
    expect(await cut).toContain('socket hang up')
    await stopping
    const message = 'connections were still open after 1000 ms'
    expect(told).toEqual([{ is: 'gone', exit: { reason: 'exited', exitCode: 0, message } }])
    expect(clock.pendingTimers).toBe(0)
  })

  it('brings a stop to its end that nobody waits for any longer', async () => {
    const clock = manualClock()
    const asked = Promise.withResolvers<void>()
    const { spawner, handle, endpoint } = await started({ app: () => () => asked.resolve(), clock })
    const cut = ask(endpoint).catch(String)
    await asked.promise
    const controller = new AbortController()
    const stopping = spawner.stop(handle, { graceMs: 1_000, signal: controller.signal })
    controller.abort(new Error('too long'))
    await expect(stopping).rejects.toThrow('too long')
    await clock.advance(1_000)
    expect(await cut).toContain('socket hang up')
    await spawner.stop(handle, { graceMs: 1_000, signal: patience() })
  })

  it('tells the application that it is to end', async () => {
    let signal: AbortSignal | undefined
    const { spawner, handle, lines } = await started({
      app: (context) => {
        signal = context.signal
        signal.addEventListener('abort', () => context.log('bye'))
        return () => {}
      },
    })
    expect(signal?.aborted).toBe(false)
    await spawner.stop(handle, { graceMs: 0, signal: patience() })
    expect(signal?.aborted).toBe(true)
    expect(lines).toEqual(['bye'])
  })

  it('dies as a test wants it, in the middle of a request too', async () => {
    const { endpoint, told } = await started({
      app:
        ({ exit }) =>
        () =>
          exit({ reason: 'out-of-memory', message: 'simulated' }),
    })
    await expect(ask(endpoint)).rejects.toThrow('socket hang up')
    await vi.waitUntil(() => told.length > 0)
    expect(told).toEqual([{ is: 'gone', exit: { reason: 'out-of-memory', message: 'simulated' } }])
  })

  it('may be dead before its start is over', async () => {
    for (const app of [
      ({ exit }: InProcessContext) => {
        exit(3)
        return () => {}
      },
      ({ exit }: InProcessContext) => {
        exit(3)
        return new Promise<never>(() => {})
      },
      async ({ exit }: InProcessContext) => {
        queueMicrotask(() => queueMicrotask(() => exit(3)))
        return () => {}
      },
    ]) {
      const { status, told } = await started({ app })
      await vi.waitUntil(() => status.is === 'gone' || told.length > 0)
      expect([status, ...told].at(-1)).toEqual({
        is: 'gone',
        exit: { reason: 'exited', exitCode: 3 },
      })
    }
  })

  it('counts as ended when its server is closed from within', async () => {
    const server = createServer((_request, response) => {
      response.end('last words')
      server.close()
    })
    const { endpoint, told } = await started({ app: () => server })
    await text(await ask(endpoint))
    await vi.waitUntil(() => told.length > 0)
    expect(told).toEqual([{ is: 'gone', exit: { reason: 'exited', exitCode: 0 } }])
  })

  it('passes lines to whoever starts it, then to observers, and keeps the last for the next', async () => {
    let log: (line: string) => void = () => {}
    const { spawner, handle, startLines, lines } = await started({
      app: (context) => {
        log = context.log
        log('starting\r\nstill')
        return () => {}
      },
    })
    log('observed')
    expect([startLines, lines]).toEqual([['starting', 'still'], ['observed']])
    await spawner.close()
    for (let line = 0; line < 1_500; line += 1) log(`${line}`)
    const later: string[] = []
    const to = { log: (line: string) => later.push(line), progress: () => {}, status: () => {} }
    await spawner.observe(handle, to, patience())
    expect([later.length, later[0], later.at(-1)]).toEqual([1_000, '500', '1499'])
    expect(lines).toEqual(['observed'])
  })

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'to return a request listener or an http.Server, got `undefined`'],
    ['a Koa app', { callback: () => {} }, 'for Koa, return `app.callback()`'],
    ['a TCP server', createNetServer(), 'got an object'],
    ['a server that listens', 'listening', 'returned a server that listens already'],
  ])('refuses %s as an application', async (_name, app, message) => {
    const directory = await mkdtemp(join(tmpdir(), 'test-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    vi.stubEnv('TMPDIR', directory)
    const server = createServer()
    if (app === 'listening') await once(server.listen(0, '127.0.0.1'), 'listening')
    try {
      await expect(
        started({ app: () => (app === 'listening' ? server : app) as never }),
      ).rejects.toMatchObject({
        code: 'ALCOVE_SPAWN_FAILED',
        message: expect.stringContaining(message) as string,
      })
    } finally {
      server.close()
    }
    expect(await readdir(directory)).toEqual([])
  })

  it('names the environment where the application can not start', async () => {
    const app = (): never => {
      throw new Error('port\n taken')
    }
    await expect(started({ app })).rejects.toMatchObject({
      code: 'ALCOVE_SPAWN_FAILED',
      id: 'pr-1',
      message: 'The application of environment "pr-1" could not start: port\\n taken',
    })
  })

  it('says that the folder for temporary files has too long a path for a socket', async () => {
    vi.stubEnv('TMPDIR', `/${'x'.repeat(87)}`)
    await expect(started({ app: () => () => {} })).rejects.toThrow(
      /may have 103 bytes, and one in .* would be longer: set TMPDIR to a shorter folder, or `listen: 'port'`/,
    )
    vi.stubEnv('TMPDIR', `/${'x'.repeat(86)}`)
    await expect(started({ app: () => () => {} })).rejects.toThrow('ENOENT')
  })

  it('knows nothing of what another process has started', async () => {
    const { handle } = await started({ app: () => () => {} })
    const other = inProcessSpawner({ app: () => () => {} }) as unknown as Spawner
    const to = { log: () => {}, progress: () => {}, status: () => {} }
    expect(await other.observe(handle, to, patience())).toMatchObject({
      is: 'gone',
      exit: { reason: 'lost' },
    })
    await other.stop(handle, { graceMs: 0, signal: patience() })
  })

  it('refuses options and runs that make no sense', async () => {
    const app = () => () => {}
    expect(() => inProcessSpawner({} as never)).toThrow('inProcessSpawner() needs an `app`')
    expect(() => inProcessSpawner({ app: {} } as never)).toThrow('Expected `app`')
    expect(() => inProcessSpawner({ app, listen: 'tcp' } as never)).toThrow('"socket" or "port"')
    expect(() => inProcessSpawner({ app, lisen: 'port' } as never)).toThrow(
      'did you mean `listen`?',
    )
    const spawner = inProcessSpawner({ app })
    const capabilities = await spawner.capabilities(patience())
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    for (const [run, message] of [
      [() => {}, 'to be JSON, got a function'],
      [{ a: [1, Number.NaN] }, 'got `NaN` at "a.1"'],
      [{ at: new Date() }, 'got an object of a class at "at"'],
      [loop, 'nested deeper than 100 levels'],
    ] as const) {
      expect(() => spawner.check(run as never, capabilities)).toThrow(message)
    }
    spawner.check({ a: [1, null, 'x', { b: undefined as never }] }, capabilities)
  })
})
