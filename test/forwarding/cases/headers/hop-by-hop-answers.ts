import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, http1, http2 } from '../case.ts'

/** An answer with these lines, whose field of this name does not reach the client with `value`. */
function removed(name: string, value: RegExp, ...lines: readonly string[]): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange()
    wire.send(
      ['HTTP/1.1 200 OK', ...lines, 'X-Kept: 1', 'Content-Length: 2', '', 'ok'].join('\r\n'),
    )
    const { head, body } = await call.whole()
    assert.doesNotMatch(head.values(name).join(), value)
    assert.deepEqual(head.values('x-kept'), ['1'])
    assert.equal(body, 'ok')
  }
}

const source = 'RFC 9110 §7.6.1'

export const hopByHopAnswers = [
  ...group('headers', source, both, {
    'Keep-Alive of an answer goes no further': removed(
      'keep-alive',
      /timeout=77/,
      'Keep-Alive: timeout=77',
    ),
    'Proxy-Connection of an answer goes no further': removed(
      'proxy-connection',
      /./,
      'Proxy-Connection: keep-alive',
    ),
    'Upgrade of an ordinary answer goes no further': removed(
      'upgrade',
      /./,
      'Upgrade: h2c',
      'Connection: Upgrade',
    ),
    'A field that Connection of an answer names goes no further': removed(
      'x-private',
      /./,
      'Connection: X-PRIVATE',
      'X-Private: 1',
    ),
    'A field that a second Connection of an answer names goes no further': removed(
      'x-private',
      /./,
      'X-Private: 1',
      'Connection: keep-alive',
      'Connection: close, x-private',
    ),
    'What Connection of an answer says is not said to the client': removed(
      'connection',
      /x-private/i,
      'Connection: X-Private',
    ),
  }),

  ...group('headers', source, http1, {
    async 'Connection: close of the environment does not close the connection of the client'(
      scene,
    ) {
      const client = await scene.client()
      for (const path of ['/one', '/two']) {
        const call = client.ask({ path })
        const wire = await scene.environment.connection()
        assert.equal((await wire.head()).target, path)
        wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
        wire.socket.end()
        const { head } = await call.whole()
        assert.doesNotMatch(head.values('connection').join(), /close/i)
      }
      assert.equal(client.ended, false)
    },
  }),

  ...group('headers', 'RFC 9113 §8.2.2', http2, {
    async 'An answer over HTTP/2 has no field that is about a connection'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send(
        [
          'HTTP/1.1 200 OK',
          'Connection: close, Keep-Alive',
          'Keep-Alive: timeout=5',
          'Proxy-Connection: close',
          'Upgrade: h2c',
          'TE: trailers',
          'Transfer-Encoding: chunked',
          '',
          '2\r\nok\r\n0\r\n\r\n',
        ].join('\r\n'),
      )
      const { head, body } = await call.whole()
      assert.equal(body, 'ok')
      const forbidden = /^(connection|keep-alive|proxy-connection|upgrade|transfer-encoding)$/
      assert.deepEqual(
        head.fields.map(([name]) => name).filter((name) => forbidden.test(name)),
        [],
      )
    },
  }),
]
