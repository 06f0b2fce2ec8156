import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, http1, ok } from '../case.ts'

/** A body without a declared length stays framed, and what follows it is a request of its own. */
function open(method: string): Case['run'] {
  return async (scene) => {
    const client = await scene.client()
    const call = client.ask({ method, open: 'unknown' })
    call.send('hello')
    call.send('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')
    call.finish()
    const wire = await scene.environment.connection()
    const { head, body, framing } = await wire.message('request')
    assert.equal(head.method, method)
    assert.equal(body, 'helloGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.notEqual(framing, 'none')
    wire.send(ok)
    assert.equal((await call.whole()).body, 'ok')
    const next = client.ask({ path: '/next' })
    const its = await scene.environment.connection(wire)
    assert.equal((await its.head()).target, '/next')
    its.send(ok)
    assert.equal((await next.whole()).body, 'ok')
  }
}

const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')

export const requests = [
  ...group('framing', 'RFC 9112 §6', both, {
    'A POST without a declared length stays framed': open('POST'),
    'A DELETE without a declared length stays framed': open('DELETE'),
    'A GET with a body without a declared length stays framed': open('GET'),
    'An OPTIONS with a body without a declared length stays framed': open('OPTIONS'),

    async 'A body of declared length keeps its length'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'PUT', body: 'hello' })
      const wire = await scene.environment.connection()
      const { head, body } = await wire.message('request')
      assert.equal(body, 'hello')
      assert.deepEqual(head.values('content-length'), ['5'])
      wire.send(ok)
      await call.whole()
    },
    async 'A GET with a body of declared length keeps it'(scene) {
      const client = await scene.client()
      client.ask({ body: 'hello' })
      const wire = await scene.environment.connection()
      assert.equal((await wire.message('request')).body, 'hello')
    },
    async 'An empty POST is told to be empty, or has no body'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', body: '' })
      const wire = await scene.environment.connection()
      const { head, body } = await wire.message('request')
      assert.equal(body, '')
      assert.match(head.values('content-length').join(), /^0?$/)
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
    async 'A GET without a body gets none'(scene) {
      const { head } = await scene.exchange()
      assert.deepEqual(head.values('transfer-encoding'), [])
      assert.match(head.values('content-length').join(), /^0?$/)
    },
    async 'Every byte of a body passes unchanged, both ways'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', body: bytes })
      const wire = await scene.environment.connection()
      assert.equal((await wire.message('request')).body, bytes)
      wire.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 256\r\n\r\n${bytes}`)
      const { head, body } = await call.whole()
      assert.equal(body, bytes)
      assert.deepEqual(head.values('content-encoding'), ['gzip'])
    },
    async 'A megabyte passes whole, both ways'(scene) {
      const client = await scene.client()
      const large = bytes.repeat(4096)
      const call = client.ask({ method: 'POST', body: large })
      const wire = await scene.environment.connection()
      assert.ok((await wire.message('request')).body === large)
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n${large}`)
      assert.ok((await call.whole()).body === large)
    },
  }),

  ...group('framing', 'RFC 9112 §7.1', http1, {
    async 'Chunks with extensions and trailers pass as the body that they are'(scene) {
      const client = await scene.wire()
      client.send('POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n')
      client.send('3;a=b;c="d"\r\nabc\r\n002\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n')
      const wire = await scene.environment.connection()
      assert.equal((await wire.message('request')).body, 'abcde')
      wire.send(ok)
      assert.equal((await client.message({ answerTo: 'POST' })).body, 'ok')
    },
    async 'A body that comes byte by byte passes whole'(scene) {
      const client = await scene.wire()
      client.socket.setNoDelay(true)
      const text =
        'POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n'
      for (const byte of text) {
        client.send(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const wire = await scene.environment.connection()
      assert.equal((await wire.message('request')).body, '0123456789')
    },
  }),

  ...group('framing', 'RFC 9112 §9.3.2', http1, {
    async 'Requests that come in one go are answered in order'(scene) {
      const client = await scene.wire()
      client.send(
        'GET /one HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /two HTTP/1.1\r\nHost: shop.test\r\n\r\n',
      )
      const first = await scene.environment.connection()
      assert.equal((await first.head()).target, '/one')
      first.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none')
      assert.equal((await client.message({ answerTo: 'GET' })).body, 'one')
      const second = await scene.environment.connection(first)
      assert.equal((await second.head()).target, '/two')
      second.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
      assert.equal((await client.message({ answerTo: 'GET' })).body, 'two')
    },
  }),
]
