import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { frame } from './test-support/frames.js'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'
import { Stream } from './test-support/stream.js'

const size = 48 * 1024 * 1024
// What the kernel may hold on two connections, and a little more.
const mostBehind = size / 2
const part = Buffer.alloc(256 * 1024)
for (let i = 0; i < part.length; i += 1) part.writeUInt8((i * 31 + (i >> 8)) & 0xff, i)
const whole = createHash('sha1')
for (let sent = 0; sent < size; sent += part.length) whole.update(part)
const digest = whole.digest('hex')

/** Sends as fast as it is let, and counts. */
async function pour(to: Writable, counter: { sent: number }): Promise<void> {
  for (let i = 0; i < size / part.length; i += 1) {
    const room = to.write(part)
    counter.sent += part.length
    if (!room) await once(to, 'drain')
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
  from: Readable,
  counter: { readonly sent: number },
  how: { readonly hasHead?: boolean; readonly each?: () => void } = {},
): Promise<{ readonly digest: string; readonly behind: number }> {
  await stall(counter)
  const hash = createHash('sha1')
  let got = 0
  let behind = 0
  let head = how.hasHead === false ? '\r\n\r\n' : ''
  while (got < size) {
    const chunk = from.read() as Buffer | null
    if (chunk === null) {
      await once(from, 'readable')
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
    how.each?.()
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
    const got = await sip(client.socket, counter, {
      each() {
        most = Math.max(most, response?.writableLength ?? 0)
        listeners = Math.max(listeners, response?.listenerCount('drain') ?? 0)
      },
    })
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    expect(most).toBeLessThan(1024 * 1024)
    expect(listeners).toBeLessThanOrEqual(1)
    expect(front.lease.kinds).toEqual(['stream'])
    await front.done[0]
  })

  it('what the host has put in the place of the response holds the environment back, too', async () => {
    await using upstream = await RawUpstream.listen(transport)
    await using front = await Front.listen(upstream, {
      before(_, its) {
        // As `compression` does while it has enough to compress.
        const response = its as ServerResponse
        response.write = () => false
      },
    })
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    const counter = { sent: 0 }
    void pour(wire.socket, counter).catch(() => {})
    await stall(counter)
    expect(counter.sent).toBeLessThan(mostBehind)
    client.socket.destroy()
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

  it('a slow environment of an upgraded connection holds its client back', async () => {
    await using upstream = await RawUpstream.listen(transport, { read: false })
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const { socket } = await upstream.connection()
    await once(socket, 'readable')
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    await client.head()
    const counter = { sent: 0 }
    const poured = pour(client.socket, counter)
    const got = await sip(socket, counter)
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    // As above.
    socket.write(frame('hello'))
    await client.bytes(frame('hello').length)
  })

  it('a slow reader over HTTP/2 holds its environment back, and no other stream', async () => {
    await using upstream = await RawUpstream.listen(transport)
    await using front = await Front.listen(upstream, { http2: true })
    const session = front.session()
    await once(session, 'connect')
    // Otherwise what this stream leaves unread would be all that the client lets the session have (RFC 9113 §5.2.2).
    session.setLocalWindowSize(1024 * 1024)
    const slow = session.request({ ':path': '/slow' })
    const wire = await upstream.connection()
    await wire.head()
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    const counter = { sent: 0 }
    const poured = pour(wire.socket, counter)
    await stall(counter)
    const other = new Stream(session, { ':path': '/other' })
    other.stream.end()
    const second = await upstream.connection()
    await second.head()
    second.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await other.close()).body).toBe('ok')
    const got = await sip(slow, counter, { hasHead: false })
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
  })

  it('a slow environment holds the upload of a client over HTTP/2 back', async () => {
    await using upstream = await RawUpstream.listen(transport, { read: false })
    await using front = await Front.listen(upstream, { http2: true })
    const upload = front.session().request({ ':method': 'POST', 'content-length': size })
    const counter = { sent: 0 }
    const poured = pour(upload, counter)
    const { socket } = await upstream.connection()
    const got = await sip(socket, counter)
    await poured
    expect(got.digest).toBe(digest)
    expect(got.behind).toBeLessThan(mostBehind)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await once(upload, 'response'))[0]).toMatchObject({ ':status': 200 })
    upload.close()
  })
})
