import assert from 'node:assert/strict'
import type { Case, Scene } from '../../subject.ts'
import type { Head } from '../../wire/head.ts'
import type { Wire } from '../../wire/wire.ts'
import { both, group, ok } from '../case.ts'
import { assertServes, callArrivesOrIsRefused, eachTime } from '../verdict.ts'

/** An environment that answers like this has broken: 502. */
function broken(answers: (wire: Wire) => unknown): Case['run'] {
  return async (scene) => {
    const { call, wire } = await scene.exchange()
    answers(wire)
    assert.equal((await eachTime(scene, call.whole(), answers)).head.status, 502)
    await assertServes(scene)
  }
}

/** What a client is told once the environment has gone. */
async function gone(scene: Scene, file: 'goes' | 'stays', method = 'GET'): Promise<Head> {
  const { client, call, wire } = await scene.exchange()
  wire.send(ok)
  await call.whole()
  await scene.environment.stop(file)
  wire.socket.end()
  await wire.end()
  return (await client.ask({ method, path: '/gone' }).whole()).head
}

/** An environment that is not there is 503, and the client is told when to come again. */
function unavailable(file: 'goes' | 'stays', method = 'GET'): Case['run'] {
  return async (scene) => {
    const head = await gone(scene, file, method)
    assert.equal(head.status, 503)
    assert.match(head.values('retry-after').join(), /^\d+$/)
  }
}

export const failures = [
  ...group('failures', 'RFC 9110 §15.6.3', both, {
    'An environment that ends its connection in place of an answer is 502': broken((wire) =>
      wire.socket.end(),
    ),
    'An environment that ends its connection within a head is 502': broken((wire) =>
      wire.socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
    ),
    'An answer that is not HTTP is 502': broken((wire) => wire.send('SSH-2.0-OpenSSH_9.9\r\n\r\n')),
    'An answer of another HTTP is 502': broken((wire) =>
      wire.send('HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    ),
    'A field without a colon is 502': broken((wire) =>
      wire.send('HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 2\r\n\r\nok'),
    ),
    'A head without end is 502': broken((wire) => {
      wire.send('HTTP/1.1 200 OK\r\n')
      const field = `X-Long: ${'x'.repeat(8192)}\r\n`
      for (let sent = 0; sent < 4 * 1024 * 1024; sent += field.length) wire.send(field)
    }),
  }),

  ...group('failures', 'RFC 9110 §15.6.4, §10.2.3', both, {
    'An environment that is not there is 503 with Retry-After': unavailable('goes'),
    'A POST to an environment that is not there is 503 with Retry-After': unavailable(
      'goes',
      'POST',
    ),
    async 'An environment that is not there is an error of the gateway, and soon'(scene) {
      const { status } = await gone(scene, 'goes')
      assert.ok(status >= 500, `it is ${status}`)
    },
  }),
  ...group(
    'failures',
    'RFC 9110 §15.6.4, §10.2.3',
    both,
    { 'A socket file with nobody behind it is 503 with Retry-After': unavailable('stays') },
    { targets: ['unix'] },
  ),
  ...group('failures', 'RFC 9110 §15.6', both, {
    async 'A POST that comes while the environment is away is an error, or arrives whole and once'(
      scene,
    ) {
      const { client, call, wire } = await scene.exchange()
      wire.send(ok)
      await call.whole()
      await scene.environment.stop()
      wire.socket.end()
      await wire.end()
      const post = client.ask({ method: 'POST', body: 'hello' })
      // Time for a first attempt; whether there was one makes no difference to what is right.
      await new Promise((resolve) => setTimeout(resolve, 100))
      await scene.environment.start()
      const arrived = await callArrivesOrIsRefused(scene, post, [500, 502, 503, 504])
      if (!arrived) return
      assert.equal((await arrived.message('request')).body, 'hello')
      arrived.send(ok)
      assert.equal((await post.whole()).body, 'ok')
      assert.equal(scene.environment.connections.length, 2)
    },
    async 'An environment that comes back is asked again, at the latest when Retry-After says'(
      scene,
    ) {
      const head = await gone(scene, 'goes')
      await scene.environment.start()
      const [seconds = '1'] = head.values('retry-after')
      assert.ok(Number(seconds) <= 2, `it says ${seconds}`)
      await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000))
      await assertServes(scene)
    },
  }),
  ...group(
    'failures',
    'RFC 9110 §15.6.5',
    both,
    {
      async 'An environment that answers too late is 504'(scene) {
        const { call, wire } = await scene.exchange()
        assert.equal((await call.whole()).head.status, 504)
        await wire.end()
      },
    },
    { settings: { answerTimeoutMs: 500 } },
  ),
]
