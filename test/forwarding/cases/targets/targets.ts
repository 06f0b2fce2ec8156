import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { Environment } from '../../wire/environment.ts'
import { both, group, http1, http2, ok } from '../case.ts'
import { answered, arrivesOrIsRefused } from '../verdict.ts'

/** This target arrives byte for byte. */
function unchanged(...paths: readonly string[]): Case['run'] {
  return async (scene) => {
    const client = await scene.client()
    for (const path of paths) {
      const call = client.ask({ path })
      const wire = await scene.environment.connection()
      assert.equal((await wire.head()).target, path)
      wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
      wire.socket.end()
      await call.whole()
    }
  }
}

/** This target, which is none by the grammar, arrives byte for byte or is refused. */
function unchangedOrRefused(...paths: readonly string[]): Case['run'] {
  return async (scene) => {
    for (const path of paths) {
      const client = await scene.client()
      const call = client.ask({ path })
      const refused = call.head().then(({ status }) => {
        if (status !== 200) assert.equal(status, 400)
      })
      refused.catch(() => {})
      const wire = await Promise.race([scene.environment.connection(), refused])
      if (!wire) continue
      assert.equal((await wire.head()).target, path)
      wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
      wire.socket.end()
      await call.whole()
    }
  }
}

/** Of an absolute target, the environment gets this path. */
function path(target: string, expected: string): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\n\r\n`)
    const wire = await arrivesOrIsRefused(scene, client, [400])
    if (wire) assert.equal((await wire.head()).target, expected)
  }
}

export const targets = [
  ...group('targets', 'RFC 9110 §4.2.3, RFC 3986 §6', both, {
    'A target that begins with // passes byte for byte': unchanged('//evil.test/p', '///'),
    'Dots in a path pass byte for byte': unchanged(
      '/a/../b/./c',
      '/..',
      '/a/%2e%2e/b',
      '/%2E%2e%2F',
    ),
    'Escapes pass byte for byte': unchanged('/%ff%E4%c3%A4', '/a%20b+c', '/a%5cb%2Fc%3F%23'),
    'Slashes that repeat pass byte for byte': unchanged('/a//b///c/', '/a/.//'),
    'Queries pass byte for byte': unchanged('/?', '/?a=b?c&&d==', '/p?%26=%3d', "/p?(a)=[b]';:@"),
    'Escapes that are none pass byte for byte, or are 400': unchangedOrRefused(
      '/%00',
      '/%',
      '/%zz?%u12',
    ),
    'Characters that no target has pass byte for byte, or are 400': unchangedOrRefused(
      '/?{"x":[1|2]}^`',
      '/a\\..\\b',
      '/<b>',
      '/\xc3\xa4',
    ),
    'A target that holds a URL passes byte for byte': unchanged(
      '/http://evil.test/',
      '/@evil.test/',
      '/?url=http://evil.test/%2e%2e',
    ),
    'A target of 8 KiB passes': unchanged(`/${'x'.repeat(8 * 1024)}`),
  }),

  ...group('targets', 'RFC 9112 §3.2.2', http1, {
    'Of an absolute target the path and the query are used': path(
      'http://evil.test:99/p/%2e%2e?q=http://x/',
      '/p/%2e%2e?q=http://x/',
    ),
    'An absolute target without a path is one of /': path('http://evil.test', '/'),
    'An absolute target with a query alone is one of /': path('http://evil.test?q', '/?q'),
    'An absolute target with a name and a password is no other': path(
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
      for (const target of ['evil.test/p', 'ftp://evil.test/p', '@evil.test/p', '*x']) {
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

  ...group('targets', 'RFC 9110 §9.3', both, {
    async 'Methods pass as they are'(scene) {
      for (const method of ['PATCH', 'OPTIONS', 'PROPFIND', 'REPORT']) {
        const client = await scene.client()
        const call = client.ask({ method, path: '/p' })
        const wire = await scene.environment.connection()
        assert.equal((await wire.head()).method, method)
        wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
        wire.socket.end()
        assert.equal((await call.whole()).body, 'ok')
      }
    },
  }),
  ...group('targets', 'RFC 9110 §9.3.7', http1, {
    async 'OPTIONS * is passed on as such, answered, or refused'(scene) {
      const client = await scene.wire()
      client.send('OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n')
      const outcome = await Promise.race([scene.environment.connection(), answered(client)])
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
        const status = await answered(client)
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
      const status = await tunnel.head().then(
        (head) => head.status,
        () => 0,
      )
      assert.ok(status === 0 || status >= 400, `it was answered with ${status}`)
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]
