import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, http1, ok } from '../case.ts'
import { assertServes } from '../verdict.ts'

/** This answer reaches the client whole. */
function whole(answer: string, body: string, end = false): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange()
    wire.send(answer)
    if (end) wire.socket.end()
    const its = await call.whole()
    assert.deepEqual([its.head.status, its.body], [200, body])
  }
}

/** Whoever asks gets 502, or, where a head was out already, a cut answer; and the next one gets its own. */
function broken(answer: string, method = 'GET'): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange({ method })
    wire.send(answer)
    assert.equal((await call.whole()).head.status, 502)
    await assertServes(scene)
  }
}

export const answers = [
  ...group('framing', 'RFC 9112 §6.3', both, {
    'A chunked answer passes whole': whole(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      'abcde',
    ),
    'An answer that ends with its connection passes whole': whole(
      'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc',
      'abc',
      true,
    ),
    'An answer of HTTP/1.0 passes whole': whole(
      'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc',
      'abc',
      true,
    ),
    async 'An answer of declared length keeps its length'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
      const { head, body } = await call.whole()
      assert.deepEqual([head.values('content-length'), body], [['5'], 'hello'])
    },
    async 'An answer with both Transfer-Encoding and Content-Length is 502, or has no length'(
      scene,
    ) {
      const { call, wire } = await scene.exchange()
      wire.send(
        'HTTP/1.1 200 OK\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      )
      const { head, body } = await call.whole()
      if (head.status !== 502)
        assert.deepEqual([head.values('content-length'), body], [[], 'hello'])
    },
    'An answer with two lengths that differ is 502': broken(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!',
    ),
    'An answer with a length that is no number is 502': broken(
      'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok',
    ),
    'An answer in a transfer coding that nobody asked for is 502': broken(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ),
    async 'A chunk that makes no sense cuts the answer'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      await call.until('abc')
      wire.send('zz\r\nhello\r\n0\r\n\r\n')
      assert.equal(await call.cut(), 'abc')
    },
  }),
  ...group('framing', 'RFC 9110 §15', both, {
    'A status of 099 is 502': broken('HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok'),
    'A status of two digits is 502': broken('HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'),
    'A status of four digits is 502': broken('HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok'),
    async 'A status that nobody knows passes as it is'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 499 Own\r\nContent-Length: 2\r\n\r\nok')
      const { head, body } = await call.whole()
      assert.deepEqual([head.status, body], [499, 'ok'])
    },
  }),
  ...group('framing', 'RFC 9112 §9.3', http1, {
    async 'The connection of a client is kept for its next request'(scene) {
      let before = await scene.exchange()
      for (let i = 0; i < 30; i += 1) {
        before.wire.send(ok)
        assert.equal((await before.call.whole()).body, 'ok')
        before = await scene.exchange({ path: `/${i}` }, before)
        assert.equal(before.head.target, `/${i}`)
      }
    },
  }),
]
