import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { frame } from './test-support/frames.js'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'

const size = 48 * 1024 * 1024
// What the kernel may hold on two connections, and a little more.
const mostBehind = size / 2
const part = Buffer.alloc(256 * 1024)
for (let i = 0; i < part.length; i += 1) part.writeUInt8((i * 31 + (i >> 8)) & 0xff, i)
const whole = createHash('sha1')
for (let sent = 0; sent < size; sent += part.length) whole.update(part)
const digest = whole.digest('hex')

/** Sends as fast as it is let, and counts. */
async function pour(socket: Socket, counter: { sent: number }): Promise<void> {
  for (let i = 0; i < size / part.length; i += 1) {
    const room = socket.write(part)
    counter.sent += part.length
    if (!room) await once(socket, 'drain')
  }
}

/** Until nothing more is taken in while nobody reads: many turns of the event loop without progress. */
async function stall(counter: { readonly sent: number }): Promise<void> {
  let before = -1
  for (let quiet = 0; quiet < 1000; quiet += 1) {
    if (counter.sent !== before) quiet = 0
    before = counter.sent
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Reads what comes, once the sender has been brought to a halt, and tells how far ahead it was at most. */
async function sip(
  socket: Socket,
  counter: { readonly sent: number },
  each: () => void = () => {},
): Promise<{ readonly digest: string; readonly behind: number }> {
  await stall(counter)
  const hash = createHash('sha1')
  let got = 0
  let behind = 0
  let head = ''
  while (got < size) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) {
      await once(socket, 'readable')
      continue
    }
    let body = chunk
    if (!head.includes('\r\n\r\n')) {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      body = end < 0 ? Buffer.alloc(0) : Buffer.from(head.slice(end + 4), 'latin1')
    }
    hash.update(body)
    got += body.length
    behind = Math.max(behind, counter.sent - got)
    each()
  }
  return { digest: hash.digest('hex'), behind }
}

describe.each(['tcp', 'unix'] as const)('with a %s endpoint', (transport) => {
  it('a slow reader of a long answer holds its environment back, and no memory', async () => {
    await using upstream = await RawUpstream.listen(transport)
    let response: ServerResponse | undefined
    await using front = await Front.listen(upstream, {
      before: (_, its) => {
        response = its as ServerResponse
      },
    })
    const client = await front.client({ read: false })
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    const counter = { sent: 0 }
    const poured = pour(wire.socket, counter)
    let most = 0
    let listeners = 0
    const got = await sip(client.socket, counter, () => {
      most = Math.max(most, response?.writableLength ?? 0)
      listeners = Math.max(listeners, response?.listenerCount('drain') ?? 0)
    })
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    expect(most).toBeLessThan(1024 * 1024)
    expect(listeners).toBeLessThanOrEqual(1)
    expect(front.lease.kinds).toEqual(['stream'])
    await front.done[0]
  })

  it('a slow environment holds the upload back', async () => {
    await using upstream = await RawUpstream.listen(transport, { read: false })
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
    const counter = { sent: 0 }
    const poured = pour(client.socket, counter)
    const { socket } = await upstream.connection()
    const got = await sip(socket, counter)
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
    await front.done[0]
  })

  it('a slow reader of a long refusal of an upgrade gets all of it', async () => {
    await using upstream = await RawUpstream.listen(transport)
    await using front = await Front.listen(upstream)
    const client = await front.client({ read: false })
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${size}\r\n\r\n`)
    const counter = { sent: 0 }
    const poured = pour(wire.socket, counter)
    const got = await sip(client.socket, counter)
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
  })

  it('a slow client of an upgraded connection holds its environment back', async () => {
    await using upstream = await RawUpstream.listen(transport)
    await using front = await Front.listen(upstream)
    const client = await front.client({ read: false })
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    const counter = { sent: 0 }
    const poured = pour(wire.socket, counter)
    const got = await sip(client.socket, counter)
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    // The other way is free meanwhile, and afterwards.
    const bytes = frame('hello', { mask: [1, 2, 3, 4] })
    client.socket.write(bytes)
    await wire.bytes(bytes.length)
  })
})
