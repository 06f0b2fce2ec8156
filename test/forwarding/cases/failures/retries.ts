import assert from 'node:assert/strict'
import type { Case, Exchange, Scene } from '../../subject.ts'
import type { Ask } from '../../wire/client.ts'
import type { Wire } from '../../wire/wire.ts'
import { both, group, ok } from '../case.ts'

/** An exchange that leaves its connection to the environment open. */
async function warm(scene: Scene): Promise<Exchange> {
  const exchange = await scene.exchange({ path: '/warm' })
  exchange.wire.send(ok)
  await exchange.call.whole()
  return exchange
}

/** Asked on a connection that has been used before, which then dies without a byte, it is asked once more. */
function retried(method: string): Case['run'] {
  return async (scene) => {
    const before = await warm(scene)
    const { call, wire } = await scene.exchange({ method, path: '/again' }, before)
    assert.equal(wire, before.wire, 'the connection is not used again')
    wire.socket.destroy()
    const fresh = await scene.environment.connection()
    assert.deepEqual([(await fresh.head()).line], [`${method} /again HTTP/1.1`])
    fresh.send(ok)
    assert.equal((await call.head()).status, 200)
    assert.equal(scene.environment.connections.length, 2)
  }
}

/** With which error a proxy says so is a matter of its own. */
function assertFailed(status: number): void {
  assert.ok(status >= 500, `it was answered with ${status}`)
}

/** Asked on a connection that then ends like this, it is answered with an error or not at all, and not asked again. */
function notRetried(ask: Ask, dies: (wire: Wire) => unknown): Case['run'] {
  return async (scene) => {
    const before = await warm(scene)
    const { call, wire } = await scene.exchange({ path: '/once', ...ask }, before)
    dies(wire)
    try {
      assertFailed((await call.head()).status)
    } catch (error) {
      // Over HTTP/1.1 the connection may end instead, and the client is left to think of it what it likes.
      if (!before.client.ended || scene.front === 'http2') throw error
    }
    assert.equal(scene.environment.connections.length, wire === before.wire ? 1 : 2)
  }
}

const source = 'RFC 9110 §9.2.2'
const dies = (wire: Wire): unknown => wire.socket.destroy()

export const retries = [
  ...group('failures', source, both, {
    'A GET on a connection that dies unused is sent once more': retried('GET'),
    'A HEAD on a connection that dies unused is sent once more': retried('HEAD'),
    'An OPTIONS on a connection that dies unused is sent once more': retried('OPTIONS'),
    'A DELETE without a body on a connection that dies unused is sent once more': retried('DELETE'),
    'A PUT without a body on a connection that dies unused is sent once more': retried('PUT'),
    'A POST is never sent twice': notRetried({ method: 'POST', body: 'hello' }, dies),
    'A POST without a body is never sent twice': notRetried({ method: 'POST' }, dies),
    'A PATCH is never sent twice': notRetried({ method: 'PATCH', body: 'hello' }, dies),
    'A GET of whose answer a byte came is not sent again': notRetried({}, (wire) =>
      wire.socket.end('H'),
    ),
    async 'A GET on a new connection that dies is not sent again: it may be what it dies of'(
      scene,
    ) {
      const { call, wire } = await scene.exchange()
      wire.socket.destroy()
      assert.equal((await call.head()).status, 502)
      assert.equal(scene.environment.connections.length, 1)
    },
    async 'A PUT with a body is sent again whole, or not at all'(scene) {
      const before = await warm(scene)
      const client = before.client
      const call = client.ask({ method: 'PUT', body: 'hello', path: '/put' })
      const wire = await scene.environment.connection(before.wire)
      await wire.message('request')
      wire.socket.destroy()
      const again = scene.environment.connection().then(async (fresh) => {
        assert.equal((await fresh.message('request')).body, 'hello')
        fresh.send(ok)
      })
      const head = await Promise.race([call.head(), again.then(async () => call.head())])
      if (head.status !== 200) assertFailed(head.status)
    },
    async 'A retry that fails is not tried again'(scene) {
      const idle = await Promise.all([scene.exchange(), scene.exchange(), scene.exchange()])
      // Which arrived on which connection is up to the proxy.
      for (const { wire } of idle) wire.send(ok)
      await Promise.all(idle.map(({ call }) => call.whole()))
      const wires = idle.map(({ wire }) => wire)
      const answered = idle[0].client.ask({ path: '/again' }).head()
      let asked = 0
      for (;;) {
        const next = await scene.environment.connectionOr(answered, ...wires)
        if ('status' in next) break
        asked += 1
        next.received = ''
        next.socket.destroy()
      }
      assertFailed((await answered).status)
      assert.ok(asked <= 2, `it was asked ${asked} times`)
    },
    async 'A connection that the environment has closed between requests is no fault'(scene) {
      const before = await warm(scene)
      before.wire.socket.end()
      await before.wire.end()
      const { call, wire } = await scene.exchange({ method: 'POST', body: 'hello' }, before)
      assert.notEqual(wire, before.wire)
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]
