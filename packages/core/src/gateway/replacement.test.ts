import { EventEmitter, once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { headerRouter } from '../routing/header.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import { createGateway, type Gateway } from './gateway.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

interface Bench {
  readonly gateway: Gateway
  readonly port: number
  /** Ends the downloads that wait at `/slow`. */
  release(): void
}

/** Each instance says which generation it is; `/slow` sends half, and the rest when the test says so. */
async function make(): Promise<Bench> {
  let waiting: (() => void)[] = []
  const gateway = createGateway({
    router: headerRouter({ name: 'x-env-id' }),
    specFor: () => ({ run: null }),
    drainTimeoutMs: 60_000,
    spawner: inProcessSpawner({
      app({ generation }) {
        const server = createServer((incoming, response) => {
          if (incoming.url === '/slow') {
            response.write(`${generation}:first half, `)
            waiting.push(() => response.end('second half'))
          } else {
            void text(incoming).then((body) => response.end(`${generation}:${body.length}`))
          }
        })
        const sockets = new WebSocketServer({ server })
        sockets.on('connection', (socket) => socket.on('message', () => socket.send(generation)))
        return server
      },
    }),
  })
  const server = createServer((incoming, response) => void gateway(incoming, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway.attach(server)
  ends.push(() => closeBoth(gateway, server))
  return {
    gateway,
    port: (server.address() as AddressInfo).port,
    release() {
      for (const end of waiting) end()
      waiting = []
    },
  }
}

async function closeBoth(gateway: Gateway, server: Server): Promise<void> {
  await gateway.close({ drainMs: 0 })
  server.closeAllConnections()
  server.close()
}

async function ask(port: number, agent: Agent, path: string, body = ''): Promise<string> {
  const outgoing = request({
    port,
    path,
    agent,
    method: body ? 'POST' : 'GET',
    headers: { 'x-env-id': 'a' },
  })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const answer = await text(incoming)
  if (incoming.statusCode !== 200) throw new Error(`${incoming.statusCode}: ${answer}`)
  return answer
}

describe('a replacement under load', () => {
  it('fails no request, and none reaches the old instance after the new one', async () => {
    const { gateway, port } = await make()
    await gateway.manager.create('a')
    const agent = new Agent({ keepAlive: true })
    ends.push(async () => agent.destroy())
    const load = { goesOn: true, answered: new EventEmitter() }
    const client = async (body: string): Promise<number[]> => {
      const generations: number[] = []
      while (load.goesOn) {
        const [generation, length] = (await ask(port, agent, '/', body)).split(':')
        expect(Number(length)).toBe(body.length)
        generations.push(Number(generation))
        load.answered.emit('answer')
      }
      return generations
    }
    const clients = Array.from({ length: 16 }, (_, index) =>
      client(index % 2 ? 'x'.repeat(10_000) : ''),
    )
    for (let replaced = 0; replaced < 3; replaced += 1) {
      await gateway.manager.replace('a')
      for (let count = 0; count < 100; count += 1) await once(load.answered, 'answer')
    }
    load.goesOn = false
    const seen = await Promise.all(clients)
    for (const generations of seen) {
      expect(generations).toEqual(generations.toSorted((a, b) => a - b))
    }
    expect(new Set(seen.flat())).toContain(4)
  })

  it('lets answers that were begun be ended by the old instance', async () => {
    const { gateway, port, release } = await make()
    const agent = new Agent()
    const outgoing = request({ port, path: '/slow', headers: { 'x-env-id': 'a' } }).end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const answer = text(incoming)
    await gateway.manager.replace('a')
    expect(await ask(port, agent, '/')).toBe('2:0')
    release()
    expect(await answer).toBe('1:first half, second half')
  })

  it('has WebSockets come back to the new instance', async () => {
    const { gateway, port } = await make()
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { 'x-env-id': 'a' } })
      await once(socket, 'open')
      return socket
    }
    const generationOf = async (socket: WebSocket): Promise<string> => {
      socket.send('which?')
      const [data] = (await once(socket, 'message')) as [Buffer]
      return data.toString()
    }
    const socket = await open()
    expect(await generationOf(socket)).toBe('1')
    const closed = once(socket, 'close')
    await gateway.manager.replace('a')
    expect((await closed)[0]).toBe(1_001)
    const next = await open()
    expect(await generationOf(next)).toBe('2')
    next.terminate()
  })
})
