import { createHash, randomBytes } from 'node:crypto'
import { Manager, type ManagerOptions, type Socket } from 'socket.io-client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { changesOf, every, printedBy, programAt, unused } from './environments.ts'
import { type Front, Host } from './host.ts'

const socketIo = new URL('programs/socket-io.ts', import.meta.url)
/** What the client may use, and what it comes to use. */
const ways: readonly [string, ManagerOptions['transports'], string][] = [
  ['long polling, then a WebSocket', ['polling', 'websocket'], 'websocket'],
  ['a WebSocket only', ['websocket'], 'websocket'],
  ['long polling only', ['polling'], 'polling'],
]
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

describe.each<[Front]>([['Express 5'], ['TLS']])('a client of Socket.IO, by %s,', (front) => {
  let host: Host
  const sockets: Socket[] = []
  beforeAll(async () => {
    host = await Host.listen(front, every(programAt(socketIo)))
  })
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.io._close()
  })
  afterAll(() => host[Symbol.asyncDispose]())

  /** A connection of its own to an environment, which may have to be started for it. */
  async function connect(id: string, how: Partial<ManagerOptions> = {}): Promise<Socket> {
    const manager = new Manager(host.url(), {
      extraHeaders: { 'x-env-id': id },
      rejectUnauthorized: false,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      ...how,
    })
    const socket = manager.socket('/')
    sockets.push(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('connect_error', reject)
    })
    return socket
  }
  const transportOf = (socket: Socket): string => socket.io.engine.transport.name
  async function usesAtLast(socket: Socket, transport: string): Promise<void> {
    if (transportOf(socket) === transport) return
    await new Promise<void>((resolve) => socket.io.engine.once('upgrade', () => resolve()))
    expect(transportOf(socket)).toBe(transport)
  }

  it('begins with long polling and goes on by a WebSocket, and loses nothing between', async () => {
    const socket = await connect('a')
    const answers = Array.from({ length: 50 }, (_, i) => socket.emitWithAck('echo', i))
    await usesAtLast(socket, 'websocket')
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(await socket.emitWithAck('echo', 'after')).toBe('after')
    await expect
      .poll(() => host.manager.explain('a').leases)
      .toMatchObject({ upgrade: 1, request: 0 })
    socket.disconnect()
    await unused(host.manager, 'a')
  })

  // The way that uses all that there is, where TLS comes before it.
  describe.each(front === 'TLS' ? ways.slice(0, 1) : ways)('by %s,', (how, transports, atLast) => {
    it('gets texts, objects and a megabyte acknowledged as they were', async () => {
      const socket = await connect('a', { transports })
      const big = randomBytes(2 ** 20)
      const object = { a: [1, null] }
      const answers = await Promise.all(
        ['ä→', object, big].map((one): Promise<unknown> => socket.emitWithAck('echo', one)),
      )
      expect(answers.slice(0, 2)).toEqual(['ä→', object])
      expect(sha256(answers[2] as Buffer)).toBe(sha256(big))
      await usesAtLast(socket, atLast)
    })

    it('hears what is told to its room, and no other', async () => {
      const [one, two, other] = await Promise.all(
        ['red', 'red', 'blue'].map(async (room, i) => {
          const socket = await connect('a', { transports })
          socket.on('told', (text: string, answer: (by: string) => void) => answer(`${i} ${text}`))
          await socket.emitWithAck('join', `${room} ${how}`)
          return socket
        }),
      )
      const red = (await one?.emitWithAck('tell', `red ${how}`, 'hello')) as string[]
      expect(red.toSorted()).toEqual(['0 hello', '1 hello'])
      expect(await two?.emitWithAck('tell', `blue ${how}`, 'you')).toEqual(['2 you'])
      expect(other?.connected).toBe(true)
    })

    it('comes back by itself when the environment was stopped, which starts it again', async () => {
      const id = how.replaceAll(/[^a-z]+/gi, '-').toLowerCase()
      const socket = await connect(id, { transports })
      await usesAtLast(socket, atLast)
      const before: unknown = await socket.emitWithAck('who')
      const again = new Promise<void>((resolve) => socket.once('connect', resolve))
      const changes = changesOf(host.manager)
      await host.manager.stop(id, { drainMs: 10 })
      await changes.next((change) => change === `${id}#2 ready`)
      await again
      expect(await socket.emitWithAck('who')).not.toBe(before)
      socket.disconnect()
      await unused(host.manager, id)
    })
  })

  it('is no more of a client once it has disconnected', async () => {
    const printed = printedBy(host.manager)
    const socket = await connect('c')
    await usesAtLast(socket, 'websocket')
    await printed.next(({ text }) => text.startsWith('connected by'))
    socket.disconnect()
    await printed.next(({ text }) => text === 'disconnected: client namespace disconnect')
    await unused(host.manager, 'c')
  })

  it('has namespaces', async () => {
    const socket = await connect('a')
    const second = socket.io.socket('/second')
    sockets.push(second)
    const welcome = await new Promise<string>((resolve) => second.once('welcome', resolve))
    expect(welcome).toBe('to the second')
  })

  it('meets those of its own environment only', async () => {
    const [a, c] = await Promise.all([connect('a'), connect('c')])
    expect(await a.emitWithAck('who')).not.toBe(await c.emitWithAck('who'))
    a.on('told', (_text: string, answer: (by: string) => void) => answer('a'))
    c.on('told', (_text: string, answer: (by: string) => void) => answer('c'))
    await Promise.all([a, c].map((socket): Promise<unknown> => socket.emitWithAck('join', 'room')))
    expect(await a.emitWithAck('tell', 'room', 'hello')).toEqual(['a'])
  })
})
