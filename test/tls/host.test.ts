import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { firstMatch, inProcessSpawner, pathRouter, subdomainRouter } from '@alcove/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { askHttp1, askHttp2, type SecureAnswer, trusted } from './secure-client.ts'
import { fronts, SecureHost, type SecureFront } from './secure-host.ts'

/** An application that says what it was asked, and echoes what comes over WebSockets. */
function application() {
  const server = createServer((request, response) => {
    if (request.url === '/moved') {
      const { port } = server.address() as AddressInfo
      response.writeHead(302, { location: `http://127.0.0.1:${port}/there?x=1` })
    }
    if (request.method === 'POST') request.pipe(response)
    else response.end(JSON.stringify(request.headers))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.send(JSON.stringify(request.headers))
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return server
}

async function hostIn(front: SecureFront): Promise<SecureHost> {
  const host = await SecureHost.listen(front, {
    router: firstMatch(subdomainRouter({ domain: 'dev.localhost' }), pathRouter({ cookie: true })),
    spawner: inProcessSpawner({ app: application, listen: 'port' }),
    specFor: ({ id }) => (id.startsWith('pr-') ? { run: null } : undefined),
  })
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

const fieldsIn = ({ body }: SecureAnswer): IncomingMessage['headers'] =>
  JSON.parse(body) as IncomingMessage['headers']

describe.each(fronts)('a gateway that ends TLS itself (%s)', (front) => {
  const protocols = front.endsWith('HTTP/2')
    ? (['HTTP/1.1', 'HTTP/2'] as const)
    : (['HTTP/1.1'] as const)

  describe.each(protocols)('over %s', (protocol) => {
    const ask = protocol === 'HTTP/2' ? askHttp2 : askHttp1

    it('tells environments that their clients have asked for https:', async () => {
      const { port } = await hostIn(front)
      const forged = {
        'x-forwarded-proto': 'http',
        'x-forwarded-port': '80',
        'x-forwarded-for': '1.2.3.4',
      }
      const answer = await ask(port, { host: 'pr-1.dev.localhost', headers: forged })
      expect(answer.status).toBe(200)
      if (protocol === 'HTTP/2') expect(answer.protocol).toBe('h2')
      expect(fieldsIn(answer)).toMatchObject({
        host: 'pr-1.dev.localhost',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'pr-1.dev.localhost',
        'x-forwarded-port': '443',
        forwarded: 'for=127.0.0.1;host=pr-1.dev.localhost;proto=https',
      })
      const other = await ask(port, { host: 'pr-1.dev.localhost:8443' })
      expect(fieldsIn(other)).toMatchObject({ 'x-forwarded-port': '8443' })
    })

    it('sends nobody back to http:', async () => {
      const { port } = await hostIn(front)
      const { headers } = await ask(port, { host: 'pr-1.dev.localhost:8443', path: '/moved' })
      expect(headers['location']).toBe('https://pr-1.dev.localhost:8443/there?x=1')
    })

    it('marks its own cookie as one for https: alone', async () => {
      const { port } = await hostIn(front)
      const { headers } = await ask(port, { host: 'dev.localhost', path: '/env/pr-1/' })
      expect(headers['set-cookie']).toEqual([
        'alcove-env=pr-1; Path=/; HttpOnly; SameSite=Lax; Secure',
      ])
    })

    it('passes large bodies each way', async () => {
      const { port } = await hostIn(front)
      const body = 'ä'.repeat(500_000)
      const answer = await ask(port, { host: 'pr-1.dev.localhost', path: '/', body })
      expect(answer.body === body).toBe(true)
    })

    it('leaves to the host what names no environment', async () => {
      const { port } = await hostIn(front)
      expect((await ask(port, { host: 'dev.localhost' })).body).toBe('the host')
      expect((await ask(port, { host: 'other.dev.localhost' })).status).toBe(404)
    })
  })

  it.each(['attached', 'after a request'])(
    'takes WebSockets at the same port (%s)',
    async (when) => {
      const host = await hostIn(front)
      if (when === 'attached') host.attach()
      else await askHttp1(host.port, { host: 'dev.localhost' })
      const { host: _, ...options } = trusted(host.port, 'pr-1.dev.localhost')
      const socket = new WebSocket(`wss://127.0.0.1:${host.port}/`, {
        ...options,
        headers: { host: 'pr-1.dev.localhost' },
      })
      const [first] = (await once(socket, 'message')) as [Buffer]
      expect(JSON.parse(String(first))).toMatchObject({
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '443',
        upgrade: 'websocket',
      })
      const sent = Buffer.alloc(200_000, 7)
      socket.send(sent)
      const [echoed] = (await once(socket, 'message')) as [Buffer]
      expect(echoed.equals(sent)).toBe(true)
      socket.close(1000)
      expect(await once(socket, 'close')).toEqual([1000, expect.anything()])
    },
  )
})
