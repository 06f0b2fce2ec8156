import assert from 'node:assert/strict'
import type { Wire } from '../../wire/wire.ts'
import { group, http1, ok } from '../case.ts'
import { answered, assertServes, callArrivesOrIsRefused, eachTime } from '../verdict.ts'

const dies = (wire: Wire): unknown => wire.socket.destroy()

export const afterwards = group('failures', 'RFC 9110 §15.6', http1, {
  async 'The error that answers a HEAD has no body'(scene) {
    const client = await scene.wire()
    client.send('HEAD / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
    const wire = await scene.environment.connection()
    await wire.head()
    wire.socket.destroy()
    const answer = eachTime(scene, client.message({ answerTo: 'HEAD' }), dies)
    assert.ok((await answer).head.status >= 500)
    assert.equal(client.received, '')
  },
  async 'After an error the connection of the client serves on, or ends'(scene) {
    const { client, call, wire } = await scene.exchange()
    wire.socket.destroy()
    assert.ok((await eachTime(scene, call.whole(), dies)).head.status >= 500)
    if (client.ended) return
    const next = client.ask({ path: '/next' })
    const arrived = await callArrivesOrIsRefused(scene, next, [])
    if (!arrived) return
    arrived.send(ok)
    assert.equal((await next.whole()).body, 'ok')
  },
  async 'What is not HTTP is 400, or its connection ends'(scene) {
    for (const text of ['NONSENSE\r\n\r\n', '\0\0\0\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n']) {
      const client = await scene.wire()
      client.send(text)
      assert.ok([0, 400, 405, 501, 505].includes(await answered(client)))
    }
    await assertServes(scene)
  },
  async 'A head without end is 431, or its connection ends'(scene) {
    const client = await scene.wire()
    client.send('GET / HTTP/1.1\r\nHost: shop.test\r\n')
    const field = `X-Long: ${'x'.repeat(8192)}\r\n`
    for (let sent = 0; sent < 4 * 1024 * 1024; sent += field.length) client.send(field)
    assert.ok([0, 400, 414, 431].includes(await answered(client)))
    await assertServes(scene)
  },
})
