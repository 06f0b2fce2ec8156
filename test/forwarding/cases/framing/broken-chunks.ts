import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { group, http1 } from '../case.ts'
import { arrivesOrIsRefused } from '../verdict.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n'

/** A chunked body that goes wrong after its first part never arrives as a whole one. */
function brokenChunks(rest: string): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send('POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n')
    client.send('2\r\nhe\r\n')
    const wire = await arrivesOrIsRefused(scene, client, [400])
    client.send(rest + smuggled)
    await client.when(() => client.ended || client.closed, 'the end of the connection')
    if (!wire) return
    // It is the end of the connection that tells the environment.
    assert.doesNotMatch(await wire.end(), /\r\n0+\r\n\r\n|smuggled/)
    assert.equal(scene.environment.connections.length, 1)
  }
}

export const brokenUploads = group('framing', 'RFC 9112 §7.1', http1, {
  'A size of a chunk that is no number breaks the request off': brokenChunks(
    'zz\r\nhello\r\n0\r\n\r\n',
  ),
  'A negative size of a chunk breaks the request off': brokenChunks('-1\r\nhello\r\n0\r\n\r\n'),
  'A chunk that is longer than its size breaks the request off':
    brokenChunks('2\r\nhello\r\n0\r\n\r\n'),
  'A size of a chunk beyond all numbers breaks the request off': brokenChunks(
    '10000000000000005\r\nhello\r\n0\r\n\r\n',
  ),
})
