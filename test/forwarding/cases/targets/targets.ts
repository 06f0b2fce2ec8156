import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group } from '../case.ts'
import { callArrivesOrIsRefused } from '../verdict.ts'

/** This target arrives byte for byte. */
function unchanged(...paths: readonly string[]): Case['run'] {
  return async (scene) => {
    for (const path of paths) {
      const client = await scene.client()
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
      const wire = await callArrivesOrIsRefused(scene, call, [400])
      if (!wire) continue
      assert.equal((await wire.head()).target, path)
      wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
      wire.socket.end()
      await call.whole()
    }
  }
}

export const targets = [
  ...group('targets', 'RFC 9110 §4.2.3, RFC 3986 §6', both, {
    'A target that begins with // passes byte for byte': unchanged('//evil.test/p', '///'),
    'Dots in a path pass byte for byte': unchanged('/a/../b/./c', '/a/%2e%2e/b', '/a/%2E%2e%2Fb'),
    'Dots that lead above the root pass byte for byte, or are 400': unchangedOrRefused(
      '/..',
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
]
