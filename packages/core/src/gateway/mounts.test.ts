import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { subdomainRouter } from '../routing/subdomain.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import { createGateway } from './gateway.js'
import type { FrontRequest } from '../forwarding/messages.js'
import { mountPath, Mounts } from './mounts.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

describe.each([
  { url: '/a?b', originalUrl: '/dev/a?b', mount: '/dev' },
  { url: '/', originalUrl: '/dev', mount: '/dev' },
  { url: '/', originalUrl: '/dev/', mount: '/dev' },
  { url: '/?x=1', originalUrl: '/dev?x=1', mount: '/dev' },
  { url: '/a', originalUrl: '/a', mount: '' },
  { url: '/a', originalUrl: undefined, mount: '' },
  { url: '/index.html', originalUrl: '/some/page', mount: '' },
])('$url of $originalUrl', ({ url, originalUrl, mount }) => {
  it(`is mounted at "${mount}"`, () => {
    expect(mountPath({ url, originalUrl } as unknown as FrontRequest)).toBe(mount)
  })
})

describe('the target of an upgrade', () => {
  const enter = (known: readonly string[], url: string): string | false => {
    const mounts = new Mounts()
    for (const mount of known) mounts.learn(mount)
    const request = { url } as IncomingMessage
    return mounts.enter(request) && (request.url ?? '')
  }

  it.each([
    [[], '/dev/a', '/dev/a'],
    [[''], '/dev/a', '/dev/a'],
    [['/dev'], '/dev/a?b', '/a?b'],
    [['/dev'], '/dev', '/'],
    [['/dev'], '/dev?x', '/?x'],
    [['/dev'], '/device', false],
    [['/dev'], '/', false],
    [['/dev', ''], '/other', '/other'],
    [['/dev', '/dev/deep'], '/dev/deep/a', '/a'],
  ])('below %j, %s is %s', (known, url, target) => {
    expect(enter(known, url)).toBe(target)
  })

  it('is given back as it was', () => {
    const mounts = new Mounts()
    mounts.learn('/dev')
    const request = { url: '/dev/a' } as IncomingMessage
    mounts.enter(request)
    mounts.leave(request)
    expect(request).toEqual({ url: '/dev/a' })
  })

  it('is compared with so many paths only, the newest', () => {
    const known = Array.from({ length: 100 }, (_, index) => `/t/${index}`)
    expect(enter(known, '/t/99/a')).toBe('/a')
    expect(enter(known, '/t/0/a')).toBe(false)
  })
})

it('WebSockets go where the requests below the same mount path go, and the host keeps the others', async () => {
  const gateway = createGateway({
    router: subdomainRouter({ domain: 'localhost' }),
    specFor: () => ({ run: null }),
    spawner: inProcessSpawner({
      app() {
        const server = createServer((request, response) => response.end(request.url))
        new WebSocketServer({ server }).on('connection', (socket, request) => {
          socket.send(String(request.url))
        })
        return server
      },
    }),
  })
  const app = express().use('/dev', gateway)
  const server = app
    .use((request, response) => void response.send(`the host: ${request.originalUrl}`))
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    await gateway.close({ drainMs: 0 })
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const page = await fetch(`http://127.0.0.1:${port}/dev/page`, {
    headers: { connection: 'close' },
  })
  expect(await page.text()).toBe('the host: /dev/page')

  const socket = new WebSocket(`ws://127.0.0.1:${port}/dev/hmr?token=1`, {
    headers: { host: 'pr-1.localhost' },
  })
  const [data] = (await once(socket, 'message')) as [Buffer]
  expect(data.toString()).toBe('/hmr?token=1')
  socket.terminate()

  const raw = connect(port, '127.0.0.1').setEncoding('latin1')
  raw.write(
    'GET /other HTTP/1.1\r\nHost: pr-1.localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
  )
  let answer = ''
  for await (const chunk of raw) answer += chunk
  expect(answer).toContain('the host: /other')
})
