import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import type { Head } from '../../wire/head.ts'
import { group, http1 } from '../case.ts'

/** Whether an environment may answer with what HTTP/1.0 does not know: a proxy may ask in HTTP/1.0 for such a client. */
function knows(head: Head): boolean {
  return head.line.endsWith(' HTTP/1.1')
}

/** A client of HTTP/1.0 gets this answer without chunks. */
function plain(request: string, answer: string, body: string): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send(request)
    const wire = await scene.environment.connection()
    wire.send(knows(await wire.head()) ? answer : `${unchunked}${body}`)
    const its = await client.message({ answerTo: 'GET' })
    assert.deepEqual(its.head.values('transfer-encoding'), [])
    assert.equal(its.body, body)
  }
}

const get = 'GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n'
const keepAlive = 'GET / HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n'
const unchunked = 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n'
const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'

export const http10 = group('framing', 'RFC 9112 §6.1', http1, {
  'A client of HTTP/1.0 gets no chunks': plain(get, chunked, 'abcde'),
  'A client of HTTP/1.0 that keeps its connection gets no chunks': plain(
    keepAlive,
    chunked,
    'abcde',
  ),
  'A client of HTTP/1.0 that claims to know chunks gets none': plain(
    get.replace('\r\n\r\n', '\r\nTE: chunked, trailers\r\n\r\n'),
    chunked,
    'abcde',
  ),
  'A client of HTTP/1.0 gets an answer of declared length': plain(
    get,
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'hello',
  ),
  async 'A client of HTTP/1.0 without Host is served, and the environment gets a Host'(scene) {
    const client = await scene.wire()
    client.send('GET / HTTP/1.0\r\n\r\n')
    const wire = await scene.environment.connection()
    const head = await wire.head()
    if (knows(head)) assert.equal(head.values('host').length, 1)
  },
})
