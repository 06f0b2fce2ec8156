import assert from 'node:assert/strict'
import { group, http1, ok } from '../case.ts'
import { agreement, ask, open, opening } from './tunnel.ts'

const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')

export const handshakes = [
  ...group('upgrades', 'RFC 9110 §7.8', http1, {
    async 'The opening of a WebSocket arrives as such'(scene) {
      const { head } = await ask(scene)
      assert.match(head.line, /^GET \/ws\?x=1 HTTP\/1\.1$/)
      const options = head.list('connection').map((option) => option.toLowerCase())
      assert.deepEqual(
        // Which is of HTTP/1.0, and says nothing new.
        options.filter((option) => option !== 'keep-alive'),
        ['upgrade'],
      )
      assert.deepEqual(head.values('upgrade'), ['websocket'])
      assert.deepEqual(head.values('sec-websocket-key'), ['dGhlIHNhbXBsZSBub25jZQ=='])
      assert.deepEqual(head.values('content-length'), [])
      assert.deepEqual(head.values('transfer-encoding'), [])
    },
    async 'The opening of a WebSocket says for whom the proxy asks, and that it does'(scene) {
      const { head } = await ask(scene, opening('X-Forwarded-For: 203.0.113.9'))
      assert.deepEqual(head.values('x-forwarded-for'), ['127.0.0.1'])
      assert.equal(head.list('via').length, 1)
    },
    async 'A field that Connection names goes no further with the opening'(scene) {
      const { head } = await ask(scene, opening('X-Private: 1', 'Connection: X-Private'))
      assert.deepEqual(head.values('x-private'), [])
    },
    async 'The word for the protocol may be in any case'(scene) {
      const { client, wire, head } = await ask(scene, opening().replace('websocket', 'WebSocket'))
      assert.match(head.values('upgrade').join(), /^websocket$/i)
      wire.send(agreement().replace('websocket', 'WEBSOCKET'))
      assert.equal((await client.head()).status, 101)
    },
    async 'The 101 reaches the client with its fields, but those of the connection'(scene) {
      const { client, wire } = await ask(scene)
      const more = ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Private: 1', 'Connection: X-Private']
      wire.send(agreement(...more, 'Sec-WebSocket-Protocol: vite-hmr'))
      const head = await client.head()
      assert.equal(head.status, 101)
      assert.match(head.values('upgrade').join(), /^websocket$/i)
      assert.ok(head.list('connection').some((option) => /^upgrade$/i.test(option)))
      assert.deepEqual(head.values('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
      assert.deepEqual(head.values('sec-websocket-protocol'), ['vite-hmr'])
      assert.deepEqual(head.values('set-cookie'), ['a=1', 'b=2'])
      assert.deepEqual(head.values('x-private'), [])
      assert.deepEqual(head.values('content-length'), [])
      assert.deepEqual(head.values('transfer-encoding'), [])
    },
    async 'Bytes that come with the opening reach the environment'(scene) {
      const { client, wire } = await ask(scene, `${opening()}EARLY`)
      wire.send(agreement())
      await client.head()
      assert.equal(await wire.bytes(5), 'EARLY')
    },
    async 'Bytes that come between the opening and the 101 reach the environment, in order'(scene) {
      const { client, wire } = await ask(scene, `${opening()}ONE`)
      for (const text of ['TWO', 'THREE']) {
        client.send(text)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      wire.send(agreement())
      await client.head()
      client.send('FOUR')
      assert.equal(await wire.bytes(15), 'ONETWOTHREEFOUR')
    },
    async 'Bytes that come with the 101 reach the client'(scene) {
      const { client, wire } = await ask(scene)
      wire.send(`${agreement()}HELLO`)
      assert.equal((await client.head()).status, 101)
      assert.equal(await client.bytes(5), 'HELLO')
    },
    async 'Every byte passes unchanged, both ways'(scene) {
      const { client, wire } = await open(scene)
      client.send(every)
      assert.equal(await wire.bytes(256), every)
      wire.send(every)
      assert.equal(await client.bytes(256), every)
    },
    async 'A megabyte passes whole, both ways at once'(scene) {
      const { client, wire } = await open(scene)
      const large = every.repeat(4096)
      client.send(large)
      wire.send(large)
      assert.ok((await wire.bytes(large.length)) === large)
      assert.ok((await client.bytes(large.length)) === large)
    },
    async 'A connection that has had an answer may still be upgraded'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
      const first = await scene.environment.connection()
      await first.head()
      first.send(ok)
      await client.message({ answerTo: 'GET' })
      client.send(opening())
      const second = await scene.environment.connection(first)
      await second.head()
      second.send(agreement())
      assert.equal((await client.head()).status, 101)
      client.send('ping')
      assert.equal(await second.bytes(4), 'ping')
    },
    async 'Two upgraded connections are strangers to each other'(scene) {
      const one = await open(scene)
      const two = await open(scene)
      one.client.send('one')
      two.client.send('two')
      assert.equal(await one.wire.bytes(3), 'one')
      assert.equal(await two.wire.bytes(3), 'two')
      one.client.socket.destroy()
      await one.wire.end()
      two.wire.send('still')
      assert.equal(await two.client.bytes(5), 'still')
    },
  }),
]
