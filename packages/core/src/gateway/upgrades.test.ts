import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { headerRouter } from '../routing/header.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import { createGateway, type Gateway } from './gateway.js'
import type { GatewayOptions } from './options.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** An environment that notes what it is asked, answers `/slow` never, and echoes over WebSockets. */
function make(options: Partial<GatewayOptions> = {}): {
  readonly gateway: Gateway
  readonly asked: string[]
} {
  const asked: string[] = []
  const gateway = createGateway({
    router: headerRouter(),
    specFor: () => ({ run: null }),
    spawner: inProcessSpawner({
      app() {
        const server = createServer((request, response) => {
          asked.push(`${request.method} ${request.url} ${request.headers.upgrade}`)
          if (request.url !== '/slow') response.end('secret')
        })
        new WebSocketServer({ server }).on('connection', (socket) => {
          asked.push('socket')
          socket.on('message', (data) => socket.send(data))
        })
        return server
      },
    }),
    ...options,
  })
  return { gateway, asked }
}

async function listen(gateway: Gateway, listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway.attach(server)
  ends.push(async () => {
    await gateway.close({ drainMs: 0 })
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

function open(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.on('error', () => {})
  socket.write(text)
  return socket
}

async function whole(socket: Socket): Promise<string> {
  let text = ''
  for await (const part of socket) text += part
  return text
}

const offer = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const handshake = `Host: a\r\nx-env-id: a\r\n${offer}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`

describe('what the host has put before the gateway', () => {
  async function signedIn(): Promise<{ port: number; asked: string[] }> {
    const { gateway, asked } = make()
    const app = express()
      .use((request, response, next) => {
        // As a session store would, in its own time.
        setImmediate(() => {
          if (request.headers.cookie === 'ok=1') next()
          else response.status(401).end('sign in first')
        })
      })
      .use(gateway)
    return { port: await listen(gateway, app), asked }
  }

  it('sees handshakes too', async () => {
    const { port, asked } = await signedIn()
    const answer = await whole(open(port, `GET /ws HTTP/1.1\r\n${handshake}\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 401 [^]*sign in first$/)
    expect(asked).toEqual([])
  })

  it('and lets pass whom it knows', async () => {
    const { port, asked } = await signedIn()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
      headers: { cookie: 'ok=1', 'x-env-id': 'a' },
    })
    await once(socket, 'open')
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('hello')
    socket.terminate()
    expect(asked).toEqual(['socket'])
  })

  it.each([
    ['another method', `DELETE /admin HTTP/1.1\r\n${handshake}`],
    ['no key', `GET /admin HTTP/1.1\r\nHost: a\r\nx-env-id: a\r\n${offer}`],
    ['HTTP/1.0', `GET /admin HTTP/1.0\r\n${handshake}`],
  ])('sees what looks like a handshake and is none: %s', async (_, text) => {
    const { port, asked } = await signedIn()
    const refused = open(port, `${text}\r\n`)
    await once(refused, 'data')
    refused.destroy()
    expect(asked).toEqual([])
    const letIn = open(port, `${text}Cookie: ok=1\r\n\r\n`)
    let seen = ''
    letIn.on('data', (part: string) => {
      seen += part
    })
    while (!seen.includes('secret')) await once(letIn, 'data')
    letIn.destroy()
    expect(asked).toEqual([expect.stringMatching(/^\w+ \/admin undefined$/)])
  })
})

describe('an upgrade behind a request that has no answer yet', () => {
  it.each([
    ['is let go with its connection', {}],
    ['is let go, refused or not', { authorize: () => false }],
  ] satisfies [string, Partial<GatewayOptions>][])('%s', async (_, options) => {
    const { gateway, asked } = make({
      ...options,
      ...('authorize' in options && {
        authorize: (request) => request.headers.upgrade === undefined,
      }),
    })
    const port = await listen(gateway, (request, response) => void gateway(request, response))
    const first = 'GET /slow HTTP/1.1\r\nHost: a\r\nx-env-id: a\r\n\r\n'
    const client = open(port, `${first}GET /ws HTTP/1.1\r\n${handshake}\r\n`)
    await new Promise((resolve) => client.once('close', resolve))
    while (gateway.manager.explain('a').leases.request > 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(asked.filter((one) => one === 'socket')).toEqual([])
  })
})

it.each([
  ['the router', 'x-env-id: NO'],
  ['nobody', 'x-env-id: unknown'],
])('a handshake that %s refuses ends at once', async (_, field) => {
  const { gateway } = make({ specFor: () => undefined })
  const port = await listen(gateway, (request, response) => void gateway(request, response))
  const text = handshake.replace('x-env-id: a', field)
  const began = performance.now()
  const answer = await whole(open(port, `GET / HTTP/1.1\r\n${text}\r\n`))
  expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
  expect(performance.now() - began).toBeLessThan(3_000)
})

it('a server that has nobody to ask about requests has its upgrades passed on', async () => {
  const { gateway } = make()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway.attach(server)
  ends.push(async () => {
    await gateway.close({ drainMs: 0 })
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { 'x-env-id': 'a' } })
  await once(socket, 'open')
  socket.terminate()
})
