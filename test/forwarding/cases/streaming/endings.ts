import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, http1, ok } from '../case.ts'
import { assertServes } from '../verdict.ts'

const half = {
  length: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  close: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc',
  inChunk: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nabc',
}

/** The environment goes away in the middle of this, and the client is told so. */
function dies(answer: string, how: 'end' | 'destroy' | 'resetAndDestroy'): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange()
    wire.send(answer)
    await call.until('abc')
    wire.socket[how]()
    assert.match(await call.cut(), /^abc/)
    // And nobody else is harmed.
    await assertServes(scene)
  }
}

/** The client goes away, and the environment is told so. */
function leaves(answer: string, how: 'leave' | 'destroy'): Case['run'] {
  return async (scene) => {
    const { client, call, wire } = await scene.exchange()
    wire.send(answer)
    if (answer !== '') await call.until('abc')
    if (how === 'leave') call.leave()
    else client.destroy()
    await wire.end()
  }
}

export const endings = [
  ...group('streaming', 'RFC 9112 §8', both, {
    'An answer of declared length whose environment dies is cut': dies(half.length, 'destroy'),
    'A chunked answer whose environment dies is cut': dies(half.chunks, 'destroy'),
    'A chunked answer whose environment ends its connection is cut': dies(half.chunks, 'end'),
    'A chunked answer that ends within a chunk is cut': dies(half.inChunk, 'end'),
  }),
  ...group(
    'streaming',
    'RFC 9112 §8',
    both,
    {
      'A chunked answer whose environment resets its connection is cut': dies(
        half.chunks,
        'resetAndDestroy',
      ),
      'An answer that ends with its connection is cut where that is reset': dies(
        half.close,
        'resetAndDestroy',
      ),
    },
    // A Unix socket knows no reset.
    { targets: ['tcp'] },
  ),
  ...group('streaming', 'RFC 9112 §8', http1, {
    async 'A client of HTTP/1.0 without a length is told by a reset that its answer is cut'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n')
      const wire = await scene.environment.connection()
      await wire.head()
      wire.send(half.chunks)
      await client.until('abc')
      wire.socket.destroy()
      await client.when(() => client.ended || client.closed, 'the end of the connection')
      assert.equal(client.failure, 'ECONNRESET')
    },
    async 'No second answer follows one that was cut'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
      const wire = await scene.environment.connection()
      await wire.head()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
      await client.until('abc')
      wire.socket.destroy()
      assert.equal(await client.end(), '')
    },
  }),
  ...group('streaming', 'RFC 9110 §7.6', both, {
    'A client that leaves before the answer ends the request to the environment': leaves(
      '',
      'leave',
    ),
    'A client whose connection breaks before the answer ends the request to the environment':
      leaves('', 'destroy'),
    'A client that leaves in the middle of an answer ends the request to the environment': leaves(
      half.chunks,
      'leave',
    ),
    'A client whose connection breaks in the middle of an answer ends the request to the environment':
      leaves(half.length, 'destroy'),
  }),
  ...group('streaming', 'RFC 9112 §9.3.2', http1, {
    async 'A client that leaves ends all requests that it has sent in one go'(scene) {
      const client = await scene.wire()
      const get = 'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n'
      client.send(get + get + get)
      const first = await scene.environment.connection()
      await first.head()
      client.socket.destroy()
      await first.end()
      for (const wire of scene.environment.connections) await wire.end()
    },
  }),
  ...group('streaming', 'RFC 9113 §5.4.2', ['http2'], {
    async 'A cut answer is the end of its stream, and of no other'(scene) {
      const { client, call, wire } = await scene.exchange()
      const other = client.ask({ path: '/other' })
      const its = await scene.environment.connection()
      wire.send(half.chunks)
      await call.until('abc')
      wire.socket.destroy()
      await call.cut()
      its.send(ok)
      assert.equal((await other.whole()).body, 'ok')
      assert.equal(client.ended, false)
    },
    async 'A client that leaves one stream ends no other'(scene) {
      const { client, call, wire } = await scene.exchange()
      const other = client.ask({ path: '/other' })
      const its = await scene.environment.connection()
      call.leave()
      await wire.end()
      its.send(ok)
      assert.equal((await other.whole()).body, 'ok')
    },
  }),
]
