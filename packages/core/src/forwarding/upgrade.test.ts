import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { EarlyBytes } from './early-bytes.js'
import { FakeLease } from './test-support/fake-lease.js'
import { frame } from './test-support/frames.js'
import { Front, type FrontOptions } from './test-support/front.js'
import { linesOf, namesOf, valuesOf } from './test-support/heads.js'
import { Setup } from './test-support/setup.js'
import type { Wire } from './test-support/wire.js'

const handshake =
  'GET /ws?x=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n'
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n'
const mask = [1, 2, 3, 4] as const

describe.each(['tcp', 'unix'] as const)('upgrades, to a %s endpoint', (transport) => {
  /** A tunnel that stands. */
  async function open(options: FrontOptions = {}): Promise<Setup & { readonly wire: Wire }> {
    const setup = await Setup.of(transport, options)
    const { wire } = await setup.request(handshake)
    wire.send(switching)
    await setup.client.head()
    return Object.assign(setup, { wire })
  }

  it('passes the handshake, and what came with it, both ways', async () => {
    await using setup = await Setup.of(transport, {
      gatewayName: 'gate',
      to: { setCookie: ['e=1'] },
    })
    const { client, front } = setup
    const { wire, head } = await setup.request(`${handshake}EARLY`)
    expect(linesOf(head)[0]).toBe('GET /ws?x=1 HTTP/1.1')
    expect(valuesOf(head, 'connection')).toEqual(['upgrade'])
    expect(valuesOf(head, 'upgrade')).toEqual(['websocket'])
    expect(valuesOf(head, 'sec-websocket-key')).toEqual(['x'])
    expect(valuesOf(head, 'via')).toEqual(['1.1 gate'])
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    wire.send(
      switching.replace(
        '\r\n\r\n',
        '\r\nConnection: X-P\r\nX-P: 1\r\nSet-Cookie: s=1\r\n\r\nHELLO',
      ),
    )
    const answer = await client.head()
    expect(linesOf(answer)[0]).toBe('HTTP/1.1 101 Switching Protocols')
    expect(valuesOf(answer, 'connection')).toEqual(['Upgrade'])
    expect(valuesOf(answer, 'upgrade')).toEqual(['websocket'])
    expect(valuesOf(answer, 'sec-websocket-accept')).toEqual(['y'])
    expect(valuesOf(answer, 'set-cookie')).toEqual(['s=1', 'e=1'])
    expect(namesOf(answer)).not.toContain('x-p')
    expect(await client.bytes(5)).toBe('HELLO')
    expect(await wire.bytes(5)).toBe('EARLY')
    client.send('ping\x00\xff')
    expect(await wire.bytes(6)).toBe('ping\x00\xff')
    wire.send('pong\x00\xff')
    expect(await client.bytes(6)).toBe('pong\x00\xff')
    expect(front.lease.kinds).toEqual(['upgrade'])
  })

  it.each(['client', 'environment'] as const)('ends when the %s ends it', async (who) => {
    await using setup = await open()
    const [first, second] =
      who === 'client' ? [setup.client, setup.wire] : [setup.wire, setup.client]
    first.send('last')
    first.socket.end()
    expect(await second.end()).toContain('last')
    second.socket.end()
    await setup.front.done[0]
    await setup.client.close()
  })

  it.each(['client', 'environment'] as const)(
    'ends when the connection of the %s breaks',
    async (who) => {
      await using setup = await open()
      const [first, second] =
        who === 'client' ? [setup.client, setup.wire] : [setup.wire, setup.client]
      if (first === setup.client || transport === 'tcp') first.socket.resetAndDestroy()
      else first.socket.destroy()
      await second.end()
      second.socket.end()
      await setup.front.done[0]
    },
  )

  it.each([
    ['of known length', 'Content-Length: 3\r\n\r\nno!', 'no!'],
    [
      'in chunks',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n',
      '3\r\nno!\r\n0\r\n\r\n',
    ],
  ])('relays a refusal %s, and then the connection closes', async (_, rest, body) => {
    await using setup = await Setup.of(transport)
    const { client, front } = setup
    const { wire } = await setup.request(handshake)
    wire.send(`HTTP/1.1 403 Forbidden\r\nX-Why: 1\r\n${rest}`)
    const answer = await client.head()
    expect(linesOf(answer)[0]).toBe('HTTP/1.1 403 Forbidden')
    expect(valuesOf(answer, 'connection')).toEqual(['close'])
    expect(valuesOf(answer, 'x-why')).toEqual(['1'])
    expect(await client.end()).toBe(body)
    client.socket.end()
    await client.close()
    await front.done[0]
    expect(front.lease.kinds).toEqual([])
  })

  it('breaks the connection where a refusal is cut short', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(handshake)
    wire.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno!')
    await setup.client.until('no!')
    wire.socket.destroy()
    expect(await setup.client.end()).toBe('')
    await setup.front.done[0]
  })

  it('refuses what an environment makes of it that was not asked for', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(handshake)
    wire.send(switching.replace('websocket', 'h2c'))
    expect(await setup.client.end()).toContain('HTTP/1.1 502 ')
    await wire.end()
  })

  it('writes nothing where it rejects, so that the gateway can answer or try again', async () => {
    await using setup = await Setup.of(transport)
    await setup.upstream[Symbol.asyncDispose]()
    setup.client.send(handshake)
    expect(await setup.client.end()).toMatch(/^HTTP\/1\.1 503 Refused\r\n/)
    expect(setup.front.errors.map(({ code }) => code)).toEqual(['ALCOVE_UPSTREAM_CONNECT'])
  })

  it.each(['end', 'resetAndDestroy'] as const)(
    'is given up with a client that leaves before an answer (%s)',
    async (how) => {
      await using setup = await Setup.of(transport)
      const { wire } = await setup.request(handshake)
      setup.client.socket[how]()
      await wire.end()
      await setup.front.done[0]
      expect(setup.front.errors).toEqual([])
    },
  )

  it.each(['end', 'resetAndDestroy'] as const)(
    'is given up with a client that leaves before an answer, and has spoken before (%s)',
    async (how) => {
      await using setup = await Setup.of(transport)
      const { wire } = await setup.request(handshake)
      setup.client.send('x')
      setup.client.socket[how]()
      await wire.end()
      await setup.front.done[0]
    },
  )

  it('is given up with a client that leaves in the middle of a refusal', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(handshake)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    await setup.client.until('half')
    setup.client.socket.end()
    await wire.end()
    await setup.front.done[0]
  })

  it('is no place for a client that says much before it has an answer', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(handshake)
    setup.client.send('x'.repeat(100_000))
    await setup.client.end()
    await wire.end()
    await setup.front.done[0]
  })

  it('hands on what came before the answer, in order', async () => {
    await using setup = await Setup.of(transport)
    const { wire } = await setup.request(`${handshake}one `)
    setup.client.send('two ')
    const [socket] = setup.front.openSockets
    if (socket) await once(socket, 'data')
    wire.send(switching)
    await setup.client.head()
    setup.client.send('three')
    expect(await wire.until('three')).toBe('one two three')
  })

  it.each([
    ['a handshake with a body', 'Upgrade: websocket\r\nContent-Length: 2\r\n\r\nhi'],
    [
      'a handshake with chunks',
      'Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('refuses %s', async (_, rest) => {
    await using setup = await Setup.of(transport)
    setup.client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n${rest}`)
    expect(await setup.client.end()).toContain('HTTP/1.1 400 ')
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it('counts frames as activity, but none that only keep the connection open', async () => {
    await using setup = await open()
    const { client, wire, front } = setup
    const { lease } = front
    const send = async (from: Wire, to: Wire, bytes: Buffer): Promise<void> => {
      from.socket.write(bytes)
      await to.bytes(bytes.length)
    }
    await send(client, wire, frame('', { opcode: 9, mask }))
    await send(wire, client, frame('', { opcode: 10 }))
    await send(wire, client, frame('2'))
    await send(client, wire, frame('3', { mask }))
    await send(client, wire, frame('{"type":"ping"}', { mask }))
    expect(lease.touches).toBe(0)
    await send(client, wire, frame('hello', { mask }))
    expect(lease.touches).toBe(1)
    await send(wire, client, frame('{"type":"update"}'))
    expect(lease.touches).toBe(2)
  })

  it.each(['drain', 'idle'] as const)(
    'says goodbye to both sides when its lease is revoked: %s',
    async (why) => {
      await using setup = await open()
      const { client, wire, front } = setup
      front.lease.revoke(why)
      expect(await client.end()).toBe('\x88\x02\x03\xe9')
      expect(await wire.end()).toBe('\x88\x82\x00\x00\x00\x00\x03\xe9')
      client.socket.end()
      wire.socket.end()
      await front.done[0]
    },
  )

  it('breaks into no frame to say so, and waits for nobody', async () => {
    await using setup = await open()
    const { client, wire, front } = setup
    wire.socket.write(frame('hello').subarray(0, 4))
    await client.bytes(4)
    front.lease.revoke('idle')
    expect(await client.end()).toBe('')
    await front.done[0]
  })

  it('is free of the time limits that a host has for requests', async () => {
    await using setup = await Setup.of(transport)
    setup.front.server.setTimeout(60_000)
    const { client, front } = setup
    const other = await front.client()
    other.send(handshake)
    const wire = await setup.upstream.connection()
    await wire.head()
    wire.send(switching)
    await other.head()
    client.socket.destroy()
    await client.close()
    const limits = [...front.openSockets].map((socket) => (socket as Socket).timeout)
    expect(limits).toContain(0)
    expect(limits).not.toContain(60_000)
  })

  it('is cut when the environment is gone', async () => {
    await using setup = await open()
    const { client, wire, front } = setup
    front.lease.revoke('gone')
    expect(await client.end()).toBe('')
    await wire.end()
    await front.done[0]
  })

  it('ends with the forwarder', async () => {
    await using setup = await open()
    await setup.front.forwarder.close()
    await setup.client.end()
    await setup.wire.end()
    await setup.front.done[0]
  })

  it('leaves nothing behind for a connection that was tried three times', async () => {
    await using setup = await Setup.of(transport)
    await setup.upstream[Symbol.asyncDispose]()
    const events = ['readable', 'data', 'end', 'drain', 'close', 'finish']
    setup.front.onUpgrade = async (request, socket, head) => {
      const early = new EarlyBytes(socket, head)
      const before = events.map((event) => socket.listenerCount(event))
      for (let i = 0; i < 3; i += 1) {
        await expect(
          setup.front.forwarder.upgrade(request, socket, early, setup.front.lease, { target: '/' }),
        ).rejects.toMatchObject({ code: 'ALCOVE_UPSTREAM_CONNECT' })
      }
      expect(socket.listenerCount('error')).toBe(1)
      expect(events.map((event) => socket.listenerCount(event))).toEqual(before)
      socket.end('done')
    }
    setup.client.send(handshake)
    expect(await setup.client.end()).toBe('done')
    await setup.front.done[0]
  })
})

describe('with ws', () => {
  async function listen(): Promise<{ server: WebSocketServer; port: number } & AsyncDisposable> {
    const http = createServer()
    const server = new WebSocketServer({ server: http, perMessageDeflate: true })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return {
      server,
      port: (http.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        for (const client of server.clients) client.terminate()
        server.close()
        await new Promise((resolve) => http.close(resolve))
      },
    }
  }

  it('echoes texts and megabytes, compressed as they are, and passes the close code', async () => {
    await using environment = await listen()
    environment.server.on('connection', (socket) => {
      socket.on('message', (data: Buffer, binary) => socket.send(data, { binary }))
      socket.on('close', (code, reason) => closed(`${code} ${String(reason)}`))
    })
    let closed: (how: string) => void = () => {}
    const how = new Promise<string>((resolve) => {
      closed = resolve
    })
    const lease = new FakeLease({ kind: 'tcp', host: '127.0.0.1', port: environment.port })
    await using front = await Front.listen(lease)
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/`, { perMessageDeflate: true })
    const next = (): Promise<Buffer> =>
      new Promise((resolve) => socket.once('message', (data: Buffer) => resolve(data)))
    await new Promise((resolve) => socket.once('open', resolve))
    expect(socket.extensions).toContain('permessage-deflate')
    socket.send('hello')
    expect(String(await next())).toBe('hello')
    const large = Buffer.alloc(8 * 1024 * 1024, 'abcdefg')
    socket.send(large)
    expect((await next()).equals(large)).toBe(true)
    socket.close(4001, 'enough')
    expect(await how).toBe('4001 enough')
    await front.done[0]
  })

  it('tells a client of its end when the lease is drained', async () => {
    await using environment = await listen()
    const lease = new FakeLease({ kind: 'tcp', host: '127.0.0.1', port: environment.port })
    await using front = await Front.listen(lease)
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/`)
    await new Promise((resolve) => socket.once('open', resolve))
    const code = new Promise((resolve) => socket.once('close', resolve))
    lease.revoke('drain')
    expect(await code).toBe(1001)
    await front.done[0]
  })

  it('tells a client that it was refused', async () => {
    const http = createServer()
    http.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
    )
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    await using front = await Front.listen(new FakeLease({ kind: 'tcp', host: '127.0.0.1', port }))
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/`)
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    expect(error.message).toContain('401')
    await new Promise((resolve) => http.close(resolve))
  })
})
