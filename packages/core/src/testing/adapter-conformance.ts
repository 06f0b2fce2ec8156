import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type Server,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { GatewayOptions } from '../gateway/options.js'
import type { Gateway } from '../gateway/gateway.js'
import { headerRouter } from '../routing/header.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import { type ConformanceApp, conformanceApp } from './conformance-app.js'
import type { TestApi } from './test-api.js'

/** An application of a framework, with the adapter mounted. */
export interface MountedAdapter {
  readonly server: Server
  readonly proxy: Pick<Gateway, 'attach' | 'close' | 'listenFor' | 'manager'>
}

/** How to mount an adapter. */
export interface AdapterFixture {
  /**
   * Makes an application and listens on a free port of 127.0.0.1: first the framework's JSON body parser where `bodyParser`
   * says so, then the adapter, then an answer of its own, `the host: <path>`, to everything else.
   */
  mount(options: GatewayOptions, how: { readonly bodyParser: boolean }): Promise<MountedAdapter>
}

interface Bench extends MountedAdapter {
  readonly app: ConformanceApp
  ask(path: string, options?: AskOptions): Promise<Answer>
  /** A raw connection with an upgrade request sent. */
  upgrade(path: string, headers?: Readonly<Record<string, string>>): Promise<Socket>
}

interface AskOptions extends RequestOptions {
  readonly environment?: string
  readonly body?: string
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/**
 * The conformance suite of adapters: what an environment and a host see of each other through any framework.
 *
 * @example
 * ```ts
 * describeAdapter({ describe, it }, 'Express 5', {
 *   async mount(options, { bodyParser }) {
 *     const proxy = devEnvProxy(options)
 *     const app = express()
 *     if (bodyParser) app.use(express.json())
 *     app.use(proxy, (request, response) => void response.send(`the host: ${request.path}`))
 *     const server = app.listen(0, '127.0.0.1')
 *     await once(server, 'listening')
 *     return { server, proxy }
 *   },
 * })
 * ```
 */
export function describeAdapter(
  { describe, it }: TestApi,
  name: string,
  fixture: AdapterFixture,
): void {
  const test = (
    sentence: string,
    run: (bench: Bench) => Promise<void>,
    options: Partial<GatewayOptions> = {},
    how = { bodyParser: false },
  ): void => {
    it(sentence, async () => {
      const bench = await mount(fixture, options, how)
      try {
        await run(bench)
      } finally {
        await bench.proxy.close({ drainMs: 0 })
        await new Promise((resolve) => {
          bench.server.close(resolve)
          bench.server.closeAllConnections()
        })
      }
    })
  }

  describe(`${name}, as any adapter`, () => {
    test('gives a request that names an environment to it, and any other to the host', async ({
      ask,
      app,
    }) => {
      const answer = await ask('/hello?x=1', { environment: 'pr-42' })
      assert.equal(answer.status, 200)
      assert.equal(answer.body, 'pr-42: GET /hello?x=1')
      assert.deepEqual((await ask('/hello')).body, 'the host: /hello')
      assert.equal(app.started.length, 1)
    })

    test('lets an environment answer in its own words', async ({ ask }) => {
      const answer = await ask('/status/418', { environment: 'a' })
      assert.equal(answer.status, 418)
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
      const head = await ask('/hello', { environment: 'a', method: 'HEAD' })
      assert.deepEqual([head.status, head.body], [200, ''])
    })

    test('passes bodies on as they come, both ways', async ({ ask }) => {
      const body = 'ä'.repeat(500_000)
      const answer = await ask('/echo', { environment: 'a', method: 'POST', body })
      assert.equal(answer.body, body)
    })

    test('streams events before their end', async ({ server, app }) => {
      const { port } = server.address() as AddressInfo
      const request = httpRequest({
        port,
        host: '127.0.0.1',
        path: '/events',
        headers: { 'x-env-id': 'a' },
      })
      request.end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      assert.equal(response.headers['content-type'], 'text/event-stream')
      const [chunk] = (await once(response, 'data')) as [Buffer]
      assert.equal(chunk.toString(), 'data: 1\n\n')
      const left = once(app.events, 'client left')
      request.destroy()
      request.on('error', () => {})
      await left
    })

    test('tells an environment at once that its client left', async ({ server, app }) => {
      const { port } = server.address() as AddressInfo
      const asked = once(app.events, 'asked')
      const request = httpRequest({
        port,
        host: '127.0.0.1',
        path: '/never',
        headers: { 'x-env-id': 'a' },
      })
      request.on('error', () => {})
      request.end()
      await asked
      const left = once(app.events, 'client left')
      request.destroy()
      await left
    })

    test('takes WebSockets from the first request on', async ({ ask, upgrade }) => {
      await ask('/hello', { environment: 'a' })
      await assertEchoes(await upgrade('/socket', { 'x-env-id': 'a' }))
    })

    test('takes WebSockets before any request where it is attached', async ({
      proxy,
      server,
      upgrade,
    }) => {
      proxy.attach(server)
      proxy.attach(server)
      await assertEchoes(await upgrade('/socket', { 'x-env-id': 'a' }))
    })

    test("leaves other listeners of the host's upgrades alone", async ({
      proxy,
      server,
      upgrade,
    }) => {
      proxy.attach(server)
      server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        if (request.url === '/own') socket.end('HTTP/1.1 101 Mine\r\n\r\n')
      })
      const own = await upgrade('/own')
      assert.match(await text(own), /^HTTP\/1\.1 101 Mine/)
      await assertEchoes(await upgrade('/socket', { 'x-env-id': 'a' }))
    })

    test('answers an upgrade that nobody takes as the request that it is', async ({
      proxy,
      server,
      upgrade,
    }) => {
      proxy.attach(server)
      const socket = await upgrade('/nobody', { Connection: 'Upgrade, close' })
      const answer = await text(socket)
      assert.match(answer, /^HTTP\/1\.1 200 /)
      assert.match(answer, /the host: \/nobody/)
    })

    test(
      'asks authorize before anything starts, for upgrades too',
      async ({ ask, upgrade, app, proxy, server }) => {
        proxy.attach(server)
        assert.equal((await ask('/hello', { environment: 'a' })).status, 401)
        assert.equal(
          (await ask('/hello', { environment: 'a', headers: { 'x-user': 'mallory' } })).status,
          403,
        )
        assert.match(await text(await upgrade('/socket', { 'x-env-id': 'a' })), /^HTTP\/1\.1 401 /)
        assert.equal(app.started.length, 0)
        const allowed = await ask('/hello', { environment: 'a', headers: { 'x-user': 'ann' } })
        assert.equal(allowed.status, 200)
        assert.equal(proxy.manager.explain('a').owner, 'ann')
      },
      {
        authorize: async ({ headers }) => {
          const user = headers['x-user']
          if (user === undefined) return { allow: false, status: 401 }
          return user === 'ann' ? { allow: true, owner: 'ann' } : false
        },
      },
    )

    test('answers for an environment that does not exist, or an id that breaks the grammar', async ({
      ask,
      app,
    }) => {
      const unknown = await ask('/', { environment: 'unknown' })
      assert.equal(unknown.status, 404)
      assert.equal(unknown.headers['content-type'], 'application/problem+json')
      assert.equal((JSON.parse(unknown.body) as { code: string }).code, 'ALCOVE_NOT_FOUND')
      assert.equal((await ask('/', { environment: '../etc' })).status, 400)
      assert.equal(app.started.length, 0)
    })

    test(
      'meets a body that a parser has read with a clear error, and never hangs',
      async ({ ask }) => {
        const read = await ask('/echo', {
          environment: 'a',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"a":1}',
        })
        assert.equal(read.status, 500)
        const problem = JSON.parse(read.body) as { code: string; detail: string }
        assert.equal(problem.code, 'ALCOVE_BODY_ALREADY_READ')
        assert.match(problem.detail, /before/)
        const unread = await ask('/echo', { environment: 'a', method: 'POST', body: 'not json' })
        assert.equal(unread.body, 'not json')
        assert.equal((await ask('/hello', { environment: 'a' })).status, 200)
      },
      {},
      { bodyParser: true },
    )

    test('opens a port for one environment, WebSockets too', async ({ proxy }) => {
      const port = await proxy.listenFor('a')
      const response = await fetch(`${port.url}/hello`)
      assert.equal(await response.text(), 'a: GET /hello')
      const socket = connect(port.port, '127.0.0.1')
      socket.write(upgradeHead('/socket', {}))
      await assertEchoes(socket)
      await port.close()
      await assert.rejects(fetch(`${port.url}/hello`))
    })

    test('installs no handler for the whole process', async ({ ask }) => {
      await ask('/hello', { environment: 'a' })
      for (const event of [
        'uncaughtException',
        'unhandledRejection',
        'SIGTERM',
        'SIGINT',
        'exit',
      ]) {
        const own = process
          .listeners(event as 'exit')
          .filter((listener) => /alcove/i.test(String(listener)))
        assert.equal(own.length, 0, event)
      }
    })
  })
}

async function mount(
  fixture: AdapterFixture,
  options: Partial<GatewayOptions>,
  how: { readonly bodyParser: boolean },
): Promise<Bench> {
  const app = conformanceApp()
  const mounted = await fixture.mount(
    {
      router: headerRouter({ name: 'x-env-id' }),
      spawner: inProcessSpawner({ app: app.make }),
      specFor: ({ id }) => (id === 'unknown' ? undefined : { run: null }),
      ...options,
    },
    how,
  )
  const { port } = mounted.server.address() as AddressInfo
  return {
    ...mounted,
    app,
    async ask(path, { environment, body, headers, ...rest } = {}) {
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        ...rest,
        headers: { ...(headers as object), ...(environment && { 'x-env-id': environment }) },
      })
      request.end(body)
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: await text(response),
      }
    },
    async upgrade(path, headers = {}) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(upgradeHead(path, headers))
      return socket
    },
  }
}

function upgradeHead(path: string, headers: Readonly<Record<string, string>>): string {
  const fields = Object.entries({
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  })
  return `GET ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

async function assertEchoes(socket: Socket): Promise<void> {
  let seen = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    seen += chunk
  })
  const until = async (part: string): Promise<void> => {
    while (!seen.includes(part)) {
      assert(!socket.readableEnded, `The connection ended after ${JSON.stringify(seen)}`)
      // eslint-disable-next-line no-await-in-loop -- one piece after another
      await Promise.race([once(socket, 'data'), once(socket, 'close')])
    }
  }
  await until('\r\n\r\n')
  assert.match(seen, /^HTTP\/1\.1 101 /)
  socket.write('ping through the gateway')
  await until('ping through the gateway')
  socket.destroy()
}
