import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { Environment } from '../../wire/environment.ts'
import { both, group, http1, http2, ok } from '../case.ts'
import { answered, arrivesOrIsRefused, statusOf } from '../verdict.ts'

/** Of an absolute target, the environment gets this path. */
function pathOf(target: string, expected: string): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\n\r\n`)
    const wire = await arrivesOrIsRefused(scene, client, [400])
    if (wire) assert.equal((await wire.head()).target, expected)
  }
}

export const origins = [
  ...group('targets', 'RFC 9112 §3.2.2', http1, {
    'Of an absolute target the path and the query are used': pathOf(
      'http://evil.test:99/p/%2e%2e?q=http://x/',
      '/p/%2e%2e?q=http://x/',
    ),
    'An absolute target without a path is one of /': pathOf('http://evil.test', '/'),
    'An absolute target with a query alone is one of /': pathOf('http://evil.test?q', '/?q'),
    'Of an absolute target with another scheme the path is used, or it is refused': pathOf(
      'ftp://evil.test/p',
      '/p',
    ),
    'An absolute target with a name and a password is no other': pathOf(
      'HTTPS://user:pass@evil.test/p',
      '/p',
    ),
    async 'An absolute target never leads to another server'(scene) {
      const other = await Environment.listen('tcp')
      try {
        const { port } = other.target as { port: number }
        const client = await scene.wire()
        client.send(`GET http://127.0.0.1:${port}/p HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
        const wire = await arrivesOrIsRefused(scene, client, [400, 403, 404, 421])
        wire?.send(ok)
        await answered(client)
        assert.equal(other.connections.length, 0)
      } finally {
        await other.close()
      }
    },
    async 'A target that is neither a path nor a URL of HTTP is refused'(scene) {
      for (const target of ['evil.test/p', '@evil.test/p', '*x']) {
        const client = await scene.wire()
        client.send(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\n\r\n`)
        const wire = await arrivesOrIsRefused(scene, client, [400, 403, 404, 501])
        assert.equal(wire, undefined, `${target} was passed on`)
      }
    },
  }),

  ...group('targets', 'RFC 9110 §7.2', both, {
    async 'Host arrives as the client has sent it'(scene) {
      const { head } = await scene.exchange({ host: 'PR-1.shop.test:8080' })
      assert.deepEqual(head.values('host'), ['PR-1.shop.test:8080'])
    },
    async 'Host never leads to another server'(scene) {
      const other = await Environment.listen('tcp')
      try {
        const { port } = other.target as { port: number }
        const { call, wire } = await scene.exchange({ host: `127.0.0.1:${port}` })
        wire.send(ok)
        await call.whole()
        assert.equal(other.connections.length, 0)
      } finally {
        await other.close()
      }
    },
  }),
  ...group('targets', 'RFC 9112 §3.2', http1, {
    async 'A request of HTTP/1.1 without Host is 400'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.1\r\nX-Own: 1\r\n\r\n')
      assert.equal(await arrivesOrIsRefused(scene, client, [400]), undefined)
    },
    async 'A request with two Hosts is 400'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.1\r\nHost: shop.test\r\nHost: evil.test\r\n\r\n')
      assert.equal(await arrivesOrIsRefused(scene, client, [400]), undefined)
    },
  }),

  ...group('targets', 'RFC 9110 §9.3.7', http1, {
    async 'OPTIONS * is passed on as such, answered, or refused'(scene) {
      const client = await scene.wire()
      client.send('OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n')
      const outcome = await scene.environment.connectionOr(answered(client))
      if (typeof outcome === 'number') assert.notEqual(outcome, 0)
      else assert.equal((await outcome.head()).target, '*')
    },
  }),
  ...group('targets', 'RFC 9110 §9.3.6', http1, {
    async 'CONNECT opens no tunnel to wherever the client likes'(scene) {
      const other = await Environment.listen('tcp')
      try {
        const { port } = other.target as { port: number }
        const client = await scene.wire()
        client.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
        const outcome = await scene.environment.connectionOr(answered(client))
        // It may be passed on to the environment, like any request.
        const status = typeof outcome === 'number' ? outcome : 0
        assert.ok(status === 0 || status >= 400, `it was answered with ${status}`)
        assert.equal(other.connections.length, 0)
      } finally {
        await other.close()
      }
    },
  }),
  ...group('targets', 'RFC 9113 §8.5', http2, {
    async 'CONNECT over HTTP/2 opens no tunnel, and ends no other stream'(scene) {
      const { client, call, wire } = await scene.exchange()
      const tunnel = client.ask({ method: 'CONNECT', host: 'evil.test:443', open: 'unknown' })
      const status = await statusOf(tunnel)
      assert.ok(status === 0 || status >= 400, `it was answered with ${status}`)
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]
