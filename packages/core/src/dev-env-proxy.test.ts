import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { devEnvProxy, type DevEnvProxyOptions } from './dev-env-proxy.js'
import type { Gateway } from './gateway/gateway.js'
import { inProcessSpawner } from './spawning/in-process.js'

const home = process.cwd()
let folder: string
let open: { proxy: Gateway; server: Server }[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alcove-zero-'))
  process.chdir(folder)
})
afterEach(async () => {
  for (const { proxy, server } of open) {
    await proxy.close({ drainMs: 0 })
    server.close()
    server.closeAllConnections()
  }
  open = []
  process.chdir(home)
  await rm(folder, { recursive: true })
})

const script = `
import { createServer } from 'node:http'
createServer((request, response) => response.end(process.argv[2] + ' ' + request.url)).listen(process.env.PORT)
`

async function mount(options?: DevEnvProxyOptions): Promise<{ port: number; proxy: Gateway }> {
  const proxy = devEnvProxy(options)
  const server = createServer((request, response) => {
    void proxy(request, response, () => response.end('the host'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({ proxy, server })
  return { port: (server.address() as AddressInfo).port, proxy }
}

async function ask(
  port: number,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; body: string }> {
  const request = httpRequest({ host: '127.0.0.1', port, path: '/path', headers, agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

describe('devEnvProxy() without options', () => {
  it('runs `node devEnv.js <id>` for the header and for <id>.localhost', async () => {
    await writeFile('devEnv.mjs', script)
    await writeFile('devEnv.js', "import('./devEnv.mjs')")
    const { port } = await mount()
    expect(await ask(port, { 'x-env-id': 'pr-42' })).toEqual({ status: 200, body: 'pr-42 /path' })
    expect(await ask(port, { host: 'pr-43.localhost:8080' })).toEqual({
      status: 200,
      body: 'pr-43 /path',
    })
    expect(await ask(port, { host: 'localhost:8080' })).toEqual({ status: 200, body: 'the host' })
  })

  it('says what is missing where there is no devEnv.js', async () => {
    const { port, proxy } = await mount()
    const { status, body } = await ask(port, { 'x-env-id': 'a' })
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({
      code: 'ALCOVE_SPAWN_FAILED',
      detail:
        'Environment "a" can\'t start: there is no devEnv.js in the gateway\'s working directory; create it, or pass `specFor` to devEnvProxy()',
    })
    expect(proxy.manager.list()).toEqual([])
  })

  it('shows the last log lines of a script that crashes', async () => {
    await writeFile('devEnv.js', "console.error('no database'); process.exit(3)")
    const { port } = await mount()
    const { status, body } = await ask(port, { 'x-env-id': 'a' })
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({
      code: 'ALCOVE_INSTANCE_GONE',
      detail: 'Environment "a" exited with code 3 before it was ready',
      lastLogLines: ['no database'],
    })
  })

  it.each([
    ['a page of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    [
      'a link of another site',
      {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      },
    ],
    ['a name that was made to resolve to this machine', { host: 'evil.example' }],
    ['a client behind a proxy', { 'x-forwarded-for': '203.0.113.9' }],
  ])('starts nothing for %s', async (_who, headers) => {
    await writeFile('devEnv.js', "throw new Error('was started')")
    const { port, proxy } = await mount()
    const { status, body } = await ask(port, { 'x-env-id': 'a', ...headers })
    expect(status).toBe(403)
    expect(JSON.parse(body)).toMatchObject({ code: 'ALCOVE_NOT_AUTHORIZED', environment: 'a' })
    expect(proxy.manager.get('a')).toBeUndefined()
  })

  it('lets another site use what runs', async () => {
    await writeFile('devEnv.mjs', script)
    await writeFile('devEnv.js', "import('./devEnv.mjs')")
    const { port } = await mount()
    await ask(port, { 'x-env-id': 'a' })
    expect((await ask(port, { 'x-env-id': 'a', 'sec-fetch-site': 'cross-site' })).status).toBe(200)
  })

  it('serves no client of another machine', async () => {
    const address = '192.0.2.1'
    const { proxy, port } = await mount()
    expect(port).toBeGreaterThan(0)
    const answer = await new Promise<string>((resolve) => {
      const request = {
        method: 'GET',
        url: '/',
        httpVersionMajor: 1,
        complete: true,
        headers: { host: 'localhost', 'x-env-id': 'a' },
        socket: { remoteAddress: address },
      }
      const response = { setHeader() {}, end: resolve, headersSent: false }
      void proxy(request as never, response as never)
    })
    expect(JSON.parse(answer)).toMatchObject({
      status: 403,
      detail: expect.stringContaining(address),
    })
  })

  it('has few places', () => {
    const proxy = devEnvProxy()
    open.push({ proxy, server: createServer() })
    expect(proxy.manager.name).toMatch(/^gateway-[0-9a-f]{12}$/)
  })
})

describe('devEnvProxy() with options', () => {
  it('keeps its safety where `authorize` is given as undefined', async () => {
    const { port } = await mount({ authorize: undefined })
    expect((await ask(port, { 'x-env-id': 'a', host: 'evil.example' })).status).toBe(403)
  })

  it('leaves who may come in to a host that says which environments there are', async () => {
    const { port } = await mount({
      specFor: () => ({ run: null }),
      spawner: inProcessSpawner({ app: () => (_request, response) => response.end('in') }),
    })
    const headers = { 'x-env-id': 'a', host: 'dev.example.com', 'x-forwarded-for': '203.0.113.9' }
    expect((await ask(port, headers)).body).toBe('in')
  })

  it('shares a manager of the host', async () => {
    const { proxy } = await mount()
    const second = devEnvProxy({ manager: proxy.manager })
    expect(second.manager).toBe(proxy.manager)
    await second.close()
    expect(() => proxy.manager.list()).not.toThrow()
  })

  it.each([
    [
      { idleTimeout: 5 },
      'devEnvProxy() has no option "idleTimeout": did you mean `idleTimeoutMs`?',
    ],
    [{ idleTimeoutMs: '5m' }, 'Expected `idleTimeoutMs` of devEnvProxy() to be a positive number'],
    [
      { router: 'header' },
      'Expected `router` of devEnvProxy() to be a router such as headerRouter()',
    ],
    [
      { spawner: 'docker' },
      'Expected `spawner` of devEnvProxy() to be a spawner such as processSpawner()',
    ],
    [
      { maxEnvironments: 0 },
      'Expected `maxEnvironments` of devEnvProxy() to be a positive whole number',
    ],
  ])('refuses %j in one sentence', (options, message) => {
    expect(() => devEnvProxy(options as never)).toThrow(message)
  })
})
