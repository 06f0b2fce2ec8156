import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { group, http1, ok } from '../case.ts'
import { answered, arrivesOrIsRefused } from '../verdict.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n'

/** What could be read in two ways is refused, and its connection closed. */
function refused(lines: readonly string[], body: string, version = 'HTTP/1.1'): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(
      ['POST / ' + version, 'Host: shop.test', ...lines, '', body + smuggled].join('\r\n'),
    )
    assert.equal(await arrivesOrIsRefused(scene, client, [400, 411, 501]), undefined)
    await client.when(() => client.ended || client.closed, 'the end of the connection')
    assert.equal(scene.environment.connections.length, 0)
  }
}

/** Either refused, or read as chunks without the length, after which the connection ends. */
function withoutLength(...lines: readonly string[]): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(
      [
        'POST / HTTP/1.1',
        'Host: shop.test',
        ...lines,
        '',
        `5\r\nhello\r\n0\r\n\r\n${smuggled}`,
      ].join('\r\n'),
    )
    const wire = await arrivesOrIsRefused(scene, client, [400])
    if (wire) {
      // Whose decoder accepts only one of the two.
      assert.equal((await wire.message('request')).body, 'hello')
      wire.send(ok)
      assert.equal(await answered(client), 200)
    }
    await client.when(() => client.ended || client.closed, 'the end of the connection')
    assert.doesNotMatch(wire?.received ?? '', /smuggled/)
    assert.ok(scene.environment.connections.length <= 1)
  }
}

/** A body of one and the same length, however often that is said, arrives so; or is refused. */
function sameLength(...lines: readonly string[]): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(['POST / HTTP/1.1', 'Host: shop.test', ...lines, '', 'hello'].join('\r\n'))
    const wire = await arrivesOrIsRefused(scene, client, [400])
    if (wire) assert.equal((await wire.message('request')).body, 'hello')
  }
}

const chunks = '5\r\nhello\r\n0\r\n\r\n'

export const smuggling = [
  ...group('framing', 'RFC 9112 §6.1', http1, {
    'Content-Length before Transfer-Encoding is refused, or dropped and the connection closed':
      withoutLength('Content-Length: 6', 'Transfer-Encoding: chunked'),
    'Content-Length after Transfer-Encoding is refused, or dropped and the connection closed':
      withoutLength('Transfer-Encoding: chunked', 'Content-Length: 15'),
    'A transfer coding that is not known is refused': refused(
      ['Transfer-Encoding: xchunked'],
      chunks,
    ),
    'Chunks inside of another transfer coding are refused': refused(
      ['Transfer-Encoding: chunked, identity'],
      chunks,
    ),
    'Chunks twice are refused': refused(
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
      chunks,
    ),
    'Chunks in a request of HTTP/1.0 are refused, or the connection closed after them': async (
      scene,
    ) => {
      const client = await scene.wire()
      client.send(
        `POST / HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${smuggled}`,
      )
      const wire = await arrivesOrIsRefused(scene, client, [400, 411, 501])
      if (wire) {
        const { body } = await wire.message('request')
        assert.ok(body === 'hello' || body === '')
        wire.send(ok)
      }
      await client.when(() => client.ended || client.closed, 'the end of the connection')
      assert.doesNotMatch(wire?.received ?? '', /smuggled/)
    },
  }),
  ...group('framing', 'RFC 9112 §6.3', http1, {
    'Two Content-Lengths that differ are refused': refused(
      ['Content-Length: 5', 'Content-Length: 6'],
      'hello',
    ),
    'One Content-Length with two values that differ is refused': refused(
      ['Content-Length: 5, 6'],
      'hello',
    ),
    'Two Content-Lengths that agree are refused, or become one': sameLength(
      'Content-Length: 5',
      'Content-Length: 5',
    ),
    'A Content-Length with a sign is refused': refused(['Content-Length: +5'], 'hello'),
    'A Content-Length in hexadecimal is refused': refused(['Content-Length: 0x5'], 'hello'),
    'A Content-Length beyond all numbers is refused': refused(
      ['Content-Length: 18446744073709551621'],
      'hello',
    ),
  }),
]
