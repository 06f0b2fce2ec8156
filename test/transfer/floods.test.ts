import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Front } from '../../packages/core/src/forwarding/test-support/front.ts'
import { RawUpstream } from '../../packages/core/src/forwarding/test-support/raw-upstream.ts'
import { mebibyte } from './content.ts'

const mostFloodBytes = 16 * mebibyte
const interim = Buffer.from(
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'.repeat(1000),
)

/** Sends the same until the other side has had enough or `most` have been taken. */
async function flood(socket: Socket, block: Buffer, most: number): Promise<number> {
  const closed = once(socket, 'close')
  let taken = 0
  while (!socket.destroyed && taken < most) {
    taken += block.length
    if (!socket.write(block)) await Promise.race([once(socket, 'drain'), closed]).catch(() => {})
  }
  return taken
}

/** The parts of a body in chunks, up to the last. */
function chunksOf(text: string): string[] {
  const parts: string[] = []
  for (let at = text.indexOf('\r\n\r\n') + 4; ;) {
    const end = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, end), 16)
    if (size === 0) return parts
    parts.push(text.slice(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

describe('an environment that answers with interim answers without end', () => {
  it.each(['http1', 'http2'] as const)('is broken, not waited for, over %s', async (kind) => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream, { http2: kind === 'http2' })
    if (kind === 'http2') {
      const session = front.session()
      // Node.js's client has a limit of its own.
      session.on('error', () => {})
      session.request({ ':path': '/' }).on('error', () => {})
    } else {
      const client = await front.client({ read: false })
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    }
    const wire = await upstream.connection()
    await wire.head()
    expect(await flood(wire.socket, interim, mostFloodBytes)).toBeLessThan(mostFloodBytes)
    await front.done[0]
    expect(front.errors.map(({ status }) => status)).toEqual([502])
  })
})

// Each part costs about 1 KiB beside its bytes wherever it waits, and what is full is told by the bytes alone.
describe('parts of one byte that come together', () => {
  const count = 100_000
  const chunks = `${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`
  const mostParts = count / 100

  it('go on together in an answer', async () => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    const parts = chunksOf(await client.end())
    expect(parts.join('')).toBe('x'.repeat(count))
    expect(parts.length).toBeLessThan(mostParts)
  })

  it('go on together in an upload', async () => {
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    const wire = await upstream.connection()
    const head = await wire.head()
    const parts = chunksOf(head + (await wire.until('0\r\n\r\n')))
    expect(parts.join('')).toBe('x'.repeat(count))
    expect(parts.length).toBeLessThan(mostParts)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
  })
})
