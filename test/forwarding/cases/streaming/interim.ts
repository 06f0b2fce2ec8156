import assert from 'node:assert/strict'
import type { Case, Exchange } from '../../subject.ts'
import { both, group, http1, ok } from '../case.ts'

/** These 1xx reach the client, in order, before the final answer. */
function relayed(statuses: readonly number[], ...heads: readonly string[]): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange()
    wire.send(heads.join(''))
    wire.send(ok)
    assert.equal((await call.whole()).body, 'ok')
    assert.deepEqual(
      call.interim.map(({ status }) => status),
      statuses,
    )
  }
}

const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Own: 1\r\n\r\n'

export const interim = [
  ...group('streaming', 'RFC 9110 §15.2', both, {
    'A 103 is relayed': relayed([103], hints),
    'A 102 is relayed': relayed([102], 'HTTP/1.1 102 Processing\r\n\r\n'),
    'A 103 without Link is relayed': relayed([103], 'HTTP/1.1 103 Early Hints\r\nX-Own: 1\r\n\r\n'),
    'Several 1xx are relayed, in order': relayed(
      [102, 103, 103],
      'HTTP/1.1 102 Processing\r\n\r\n',
      hints,
      hints,
    ),
    async 'A 103 is relayed at once, with its fields but those of the connection'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send(
        hints.replace('\r\n\r\n', '\r\nConnection: X-Hop\r\nX-Hop: 1\r\nLink: </b>\r\n\r\n'),
      )
      // It must not wait for the final answer.
      const first = await call.firstInterim()
      assert.deepEqual(first.list('link'), ['</a.css>; rel=preload', '</b>'])
      assert.deepEqual(first.values('x-own'), ['1'])
      assert.deepEqual(first.values('x-hop'), [])
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
    async 'A 100 that nobody waits for does no harm'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send(`HTTP/1.1 100 Continue\r\n\r\n${ok}`)
      const { head, body } = await call.whole()
      assert.deepEqual([head.status, body], [200, 'ok'])
    },
    async 'A 100 that nobody waits for does no harm in pieces, with fields, and before others'(
      scene,
    ) {
      let before: Exchange | undefined
      for (const pieces of [
        ['HTTP/1.1 100 Con', `tinue\r\n\r\n${ok}`],
        ['HTTP/1.1 100 Continue\r\nX-Own: 1\r', `\n\r\n${ok.slice(0, 10)}`, ok.slice(10)],
        [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${hints}${ok}`],
      ]) {
        before = await scene.exchange({}, before)
        const { wire, call } = before
        wire.socket.setNoDelay(true)
        for (const piece of pieces) {
          wire.send(piece)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        const { head, body } = await call.whole()
        assert.deepEqual([head.status, body], [200, 'ok'])
      }
    },
  }),
  ...group('streaming', 'RFC 9110 §15.2', http1, {
    async 'No 1xx reaches a client of HTTP/1.0'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n')
      const wire = await scene.environment.connection()
      // It is sent none either where the proxy asks in HTTP/1.0 for it.
      wire.send((await wire.head()).line.endsWith(' HTTP/1.1') ? hints + ok : ok)
      const { head, interim: before } = await client.message({ answerTo: 'GET' })
      assert.deepEqual([head.status, before.length], [200, 0])
    },
    async 'A 1xx reaches the client that it is for, where requests come in one go'(scene) {
      const client = await scene.wire()
      client.send(
        'GET /one HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /two HTTP/1.1\r\nHost: shop.test\r\n\r\n',
      )
      const first = await scene.environment.connection()
      await first.head()
      first.send(hints + ok)
      assert.equal((await client.message({ answerTo: 'GET' })).interim.length, 1)
      const second = await scene.environment.connection(first)
      await second.head()
      second.send(ok)
      assert.equal((await client.message({ answerTo: 'GET' })).interim.length, 0)
    },
  }),
]
