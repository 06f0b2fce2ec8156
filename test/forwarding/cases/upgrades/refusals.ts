import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { group, http1, ok } from '../case.ts'
import { Wire } from '../../wire/wire.ts'
import { arrivesOrIsRefused, assertServes } from '../verdict.ts'
import { agreement, ask, opening } from './tunnel.ts'

/** Another answer than 101 reaches the client framed; then its connection ends, or is one like any other. */
function refused(answer: string, status: number, body: string): Case['run'] {
  return async (scene) => {
    const { client, wire } = await ask(scene)
    wire.send(answer)
    const message = await client.message({ answerTo: 'GET' })
    assert.deepEqual([message.head.status, message.body], [status, body])
    assert.deepEqual(message.head.values('upgrade'), [])
    client.send('GET /again HTTP/1.1\r\nHost: shop.test\r\n\r\n')
    const outcome = await scene.environment.connectionOr(client.end(), wire)
    if (outcome instanceof Wire) {
      outcome.send(ok)
      assert.equal((await client.message({ answerTo: 'GET' })).body, 'ok')
    } else {
      assert.equal(outcome, '')
    }
  }
}

/** What is asked for besides WebSockets is a wish that goes no further; the request is one like any other. */
function wish(protocol: string, ...more: readonly string[]): Case['run'] {
  return async (scene) => {
    const { client, wire, head } = await ask(
      scene,
      [
        'GET /p HTTP/1.1',
        'Host: shop.test',
        `Connection: Upgrade${more.length > 0 ? ', HTTP2-Settings' : ''}`,
        `Upgrade: ${protocol}`,
        ...more,
        '\r\n',
      ].join('\r\n'),
    )
    assert.deepEqual(head.values('upgrade'), [])
    assert.deepEqual(head.values('http2-settings'), [])
    assert.doesNotMatch(head.values('connection').join(), /upgrade|http2-settings/i)
    wire.send(ok)
    assert.equal((await client.message({ answerTo: 'GET' })).body, 'ok')
  }
}

export const refusals = [
  ...group('upgrades', 'RFC 9110 §7.8, RFC 9112 §6', http1, {
    'A refusal of declared length is relayed, and then the connection ends or serves on': refused(
      'HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!',
      403,
      'no!',
    ),
    'A refusal in chunks is relayed in chunks, and then the connection ends or serves on': refused(
      'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n',
      401,
      'no!',
    ),
    'A refusal without a body is relayed, and then the connection ends or serves on': refused(
      'HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n',
      302,
      '',
    ),
    'An environment that knows no upgrade has its answer relayed': refused(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      200,
      'ok',
    ),
    async 'A refusal that is cut is no whole one'(scene) {
      const { client, wire } = await ask(scene)
      wire.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno!')
      await client.until('no!')
      wire.socket.destroy()
      assert.equal(await client.end(), '')
    },
    async 'A 101 into a protocol that nobody asked for is 502'(scene) {
      const { client, wire } = await ask(scene)
      wire.send(agreement().replace('websocket', 'h2c'))
      assert.equal((await client.head()).status, 502)
      await wire.end()
    },
    async 'A 101 that nobody asked for is 502'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send(agreement())
      assert.equal((await call.whole()).head.status, 502)
      await assertServes(scene)
    },
  }),
  ...group('upgrades', 'RFC 9113 §3.1', http1, {
    'h2c and its settings go no further': wish('h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    'A protocol that nobody knows goes no further': wish('foo/2'),
    async 'The body of a request that would like h2c arrives, or is refused'(scene) {
      const client = await scene.wire()
      client.send(
        'POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello',
      )
      // Before version 24, Node.js leaves it where an ordinary request has none.
      const wire = await arrivesOrIsRefused(scene, client, [400])
      if (!wire) return
      assert.equal((await wire.message('request')).body, 'hello')
      wire.send(ok)
      assert.equal((await client.message({ answerTo: 'POST' })).body, 'ok')
    },
    async 'A client of HTTP/1.0 is not upgraded'(scene) {
      const { head } = await ask(scene, opening().replace('HTTP/1.1', 'HTTP/1.0'))
      assert.deepEqual(head.values('upgrade'), [])
    },
    async 'Upgrade that Connection does not name is none'(scene) {
      const { head } = await ask(
        scene,
        opening().replace('Connection: keep-alive, Upgrade', 'Connection: keep-alive'),
      )
      assert.deepEqual(head.values('upgrade'), [])
    },
  }),
]
