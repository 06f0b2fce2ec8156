import assert from 'node:assert/strict'
import { both, group, http1, ok } from '../case.ts'
import { arrivesOrIsRefused } from '../verdict.ts'

const post =
  'POST / HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'

export const expectations = [
  ...group('streaming', 'RFC 9110 §10.1.1', both, {
    async 'A client that waits for 100 is told to continue, and its body passes'(scene) {
      const client = await scene.client()
      const call = client.ask({
        method: 'POST',
        open: 5,
        fields: [['Expect', '100-continue']],
      })
      const environment = scene.environment.connection().then(async (wire) => {
        const head = await wire.head()
        // Where the expectation is passed on, it is the environment that has to meet it.
        if (head.has('expect')) wire.send('HTTP/1.1 100 Continue\r\n\r\n')
        return wire
      })
      // Where the case ends before it is waited for.
      environment.catch(() => {})
      assert.equal((await call.firstInterim()).status, 100)
      call.send('hello')
      call.finish()
      const wire = await environment
      assert.equal(await wire.bytes(5), 'hello')
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
      assert.ok(call.interim.every(({ status }) => status === 100))
    },
  }),
  ...group('streaming', 'RFC 9110 §10.1.1', http1, {
    async 'A client that does not wait though it said so is served'(scene) {
      const client = await scene.wire()
      client.send(`${post}hello`)
      const wire = await scene.environment.connection()
      const { head, body } = await wire.message('request')
      assert.equal(body, 'hello')
      if (head.has('expect')) wire.send('HTTP/1.1 100 Continue\r\n\r\n')
      wire.send(ok)
      assert.equal((await client.message({ answerTo: 'POST' })).body, 'ok')
    },
    async 'A client of HTTP/1.0 is not told to continue'(scene) {
      const client = await scene.wire()
      client.send(`${post.replace('HTTP/1.1', 'HTTP/1.0')}hello`)
      const wire = await scene.environment.connection()
      assert.equal((await wire.message('request')).body, 'hello')
      wire.send(ok)
      const { head, interim } = await client.message({ answerTo: 'POST' })
      assert.deepEqual([head.status, interim.length], [200, 0])
    },
    async 'An expectation that nobody knows is 417, or passed on'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.1\r\nHost: shop.test\r\nExpect: wonders\r\n\r\n')
      const wire = await arrivesOrIsRefused(scene, client, [417])
      if (!wire) return
      wire.send(ok)
      assert.equal((await client.message({ answerTo: 'GET' })).body, 'ok')
    },
  }),
]
