import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'

import { describe, expect, it } from 'vitest'
import { FakeLease } from './test-support/fake-lease.js'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'

// What one read brings is copied to memory that is used again once nobody keeps it: no answer may be found in another's place.

/** The body of an answer, which is no other's. */
function bodyOf(path: string, bytes: number): string {
  return `${path} `.repeat(Math.ceil(bytes / (path.length + 1))).slice(0, bytes)
}

/** An environment that answers `/<bytes>/<name>` with as many bytes of that path. */
class Library implements AsyncDisposable {
  readonly #server = createServer((request, response) => {
    const { url = '' } = request
    const body = bodyOf(url, Number(url.split('/')[1]))
    response.writeHead(200, { 'content-length': body.length }).end(body, 'latin1')
  })

  static async open(): Promise<Library> {
    const library = new Library()
    library.#server.listen(0, '127.0.0.1')
    await once(library.#server, 'listening')
    return library
  }

  get lease(): FakeLease {
    const { port } = this.#server.address() as AddressInfo
    return new FakeLease({ kind: 'tcp', host: '127.0.0.1', port })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function get(front: Front, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${front.port}${path}`)
  return response.text()
}

/** So much passes that whatever was kept by mistake would be written over. */
async function passOthers(front: Front): Promise<void> {
  for (let at = 0; at < 10; at += 1) {
    const path = `/100000/other-${at}`
    expect(await get(front, path)).toBe(bodyOf(path, 100_000))
  }
}

describe('large answers', () => {
  it.each([31 * 1024, 32 * 1024, 100 * 1024, 128 * 1024, 300 * 1024])(
    'of %i bytes reach each client as they are, many at a time',
    async (bytes) => {
      await using library = await Library.open()
      await using front = await Front.listen(library.lease)
      await Promise.all(
        Array.from({ length: 60 }, async (_, at) => {
          const path = `/${bytes + at}/client-${at}`
          expect(await get(front, path)).toBe(bodyOf(path, bytes + at))
        }),
      )
    },
  )

  it('reach clients that do not read for a while as they are', async () => {
    await using library = await Library.open()
    await using front = await Front.listen(library.lease)
    const bytes = 32 * 1024 * 1024
    // Their connections have passed on others before.
    await Promise.all(['/100000/before-1', '/100000/before-2'].map((path) => get(front, path)))
    const slow = await Promise.all(
      Array.from({ length: 2 }, async (_, at) => {
        const path = `/${bytes}/slow-${at}`
        const client = await front.client({ read: false })
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
        return { client, path }
      }),
    )
    await passOthers(front)
    for (const { client, path } of slow) {
      client.socket.setEncoding('latin1')
      const answer = await text(client.socket)
      expect(answer.slice(answer.indexOf('\r\n\r\n') + 4) === bodyOf(path, bytes)).toBe(true)
    }
  })

  it('reach a client as they are where the host keeps the end of an answer, as sessions do that are saved first', async () => {
    await using library = await Library.open()
    const kept = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    await using front = await Front.listen(library.lease, {
      before(request, response) {
        if (!request.url?.endsWith('kept')) return
        const its = response as ServerResponse
        const end = its.end.bind(its) as (...words: unknown[]) => ServerResponse
        its.end = ((...words: unknown[]) => {
          kept.resolve()
          void goOn.promise.then(() => end(...words))
          return its
        }) as typeof its.end
      },
    })
    const answer = get(front, '/100000/kept')
    await kept.promise
    await passOthers(front)
    goOn.resolve()
    expect(await answer).toBe(bodyOf('/100000/kept', 100_000))
  })

  it('reach a client as they are that is at the end of another stream than a socket', async () => {
    await using library = await Library.open()
    await using front = await Front.listen(library.lease)
    const written: Buffer[] = []
    const isWhole = Promise.withResolvers<void>()
    // It says that it is done with what it still keeps, as a PassThrough does.
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk)
        done()
        if (Buffer.concat(written).length > 100_000) isWhole.resolve()
      },
    })
    ;(front.server as Server).emit('connection', stream)
    stream.push('GET /100000/stream HTTP/1.1\r\nHost: a\r\n\r\n')
    await isWhole.promise
    await passOthers(front)
    const answer = Buffer.concat(written).toString('latin1')
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(bodyOf('/100000/stream', 100_000))
    stream.destroy()
  })

  it('keep what stands behind them, where it comes in two reads', async () => {
    await using library = await Library.open()
    await using others = await Front.listen(library.lease)
    await using upstream = await RawUpstream.listen()
    await using front = await Front.listen(upstream)
    const client = await front.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n')
    const wire = await upstream.connection()
    await wire.head()
    const body = bodyOf('/trailers', 0x9c40)
    wire.send(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-check\r\n\r\n9c40\r\n${body}\r\n0\r\nx-che`,
    )
    await client.until(body)
    await passOthers(others)
    wire.send('ck: right\r\n\r\n')
    expect(await client.until('x-check: right\r\n\r\n')).toContain('0\r\n')
  })
})
