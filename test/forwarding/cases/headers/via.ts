import assert from 'node:assert/strict'
import { both, group, http1, ok } from '../case.ts'

export const via = [
  ...group('headers', 'RFC 9110 §7.6.3', both, {
    async 'The proxy names itself in Via, after those before it'(scene) {
      const { head } = await scene.exchange({
        fields: [['Via', '1.0 fred, 1.1 bob.test:8080 (x)']],
      })
      const [first, second, own = '', ...more] = head.list('via')
      assert.deepEqual([first, second, more], ['1.0 fred', '1.1 bob.test:8080 (x)', []])
      assert.match(own, scene.front === 'http1' ? /^(HTTP\/)?1\.1 \S/ : /^(HTTP\/)?2(\.0)? \S/)
    },

    async 'A request that comes round again goes no further: 508'(scene) {
      const { head, client, call, wire } = await scene.exchange()
      wire.send(ok)
      await call.whole()
      const again = client.ask({ fields: [['Via', head.values('via').join(', ')]] })
      assert.equal((await again.head()).status, 508)
      assert.equal(wire.received, '')
      assert.equal(scene.environment.connections.length, 1)
    },

    async 'A request through another proxy of the same kind is no loop'(scene) {
      const fields = [['Via', '1.1 somebody, 1.1 another (1.1 alcove, nginx)']] as const
      await scene.exchange({ fields })
    },
  }),

  ...group('headers', 'RFC 9110 §7.6.3', http1, {
    async 'A request of HTTP/1.0 is 1.0 in Via'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n')
      const head = await (await scene.environment.connection()).head()
      assert.match(head.values('via').join(), /^(HTTP\/)?1\.0 \S/)
    },
  }),
]
