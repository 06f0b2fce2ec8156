import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { inProcessSpawner } from '@alcove/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ClientOptions, WebSocketServer } from 'ws'
import { changesOf, unused } from './environments.ts'
import type { Feed } from './feed.ts'
import { type Front, Host } from './host.ts'
import { Client } from './web-socket.ts'

/** With the TCP connection, which is below TLS where there is TLS. */
const leaving: Record<string, (client: Client, socket: Socket) => void> = {
  'closes (FIN)': (_client, socket) => socket.end(),
  'is gone (FIN, and nobody reads)': (client) => client.socket.terminate(),
  'resets (RST)': (_client, socket) => socket.resetAndDestroy(),
}

describe.each<[Front]>([['node:http'], ['Express 5'], ['TLS']])(
  'a WebSocket client, by %s, that leaves while its environment starts,',
  (front) => {
    let host: Host
    let changes: Feed<string>
    let start: () => void
    let handshakes: number
    beforeEach(async () => {
      handshakes = 0
      const told = new Promise<void>((resolve) => {
        start = resolve
      })
      host = await Host.listen(front, {
        specFor: () => ({ run: null }),
        spawner: inProcessSpawner({
          async app() {
            await told
            const server = createServer((_request, response) => response.end('awake'))
            const sockets = new WebSocketServer({ server })
            sockets.on('connection', (socket) => {
              handshakes += 1
              socket.on('message', (data, binary) => socket.send(data, { binary }))
            })
            return server
          },
        }),
      })
      changes = changesOf(host.manager)
    })
    afterEach(async () => {
      start()
      await host[Symbol.asyncDispose]()
    })

    /** A handshake that waits for a start, and its connection. */
    async function waiting(options: ClientOptions = {}): Promise<[Client, Socket]> {
      let socket: Socket | undefined
      const client = Client.dial(host, 'a', {
        ...options,
        createConnection: () => {
          socket = connect(host.port, '127.0.0.1')
          return host.front === 'TLS' ? connectTls({ socket, rejectUnauthorized: false }) : socket
        },
      })
      await changes.next((change) => change === 'a#1 starting')
      await expect.poll(() => host.manager.explain('a').leases.waiting).toBe(1)
      if (!socket) throw new Error('The request has no socket')
      return [client, socket]
    }

    it.each(Object.keys(leaving))('and %s, waits no more, and uses nothing', async (how) => {
      const [client, socket] = await waiting()
      leaving[how]?.(client, socket)
      await expect.poll(() => host.manager.explain('a').leases.waiting).toBe(0)
      await client.closed
      // What has begun to start goes on, for the next one.
      start()
      await changes.next((change) => change === 'a#1 ready')
      await unused(host.manager, 'a')
      expect(handshakes).toBe(0)
      expect(host.openSockets).toBe(0)
    })

    it.each(Object.keys(leaving))('and %s, takes no place from others', async (how) => {
      const [client, socket] = await waiting()
      const staying = Client.dial(host, 'a')
      await expect.poll(() => host.manager.explain('a').leases.waiting).toBe(2)
      leaving[how]?.(client, socket)
      await expect.poll(() => host.manager.explain('a').leases.waiting).toBe(1)
      start()
      await staying.open
      expect(await staying.echo('here')).toBe('here')
      expect(handshakes).toBe(1)
      expect(host.manager.explain('a').leases).toEqual({
        request: 0,
        stream: 0,
        upgrade: 1,
        waiting: 0,
      })
      staying.socket.close()
      await staying.closed
      await unused(host.manager, 'a')
    })
  },
)
