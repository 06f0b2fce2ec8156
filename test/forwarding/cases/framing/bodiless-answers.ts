import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, ok } from '../case.ts'

/** This answer has no body and these fields, and the next one is its own. */
function bodiless(
  method: string,
  answer: string,
  status: number,
  fields: Readonly<Record<string, readonly string[]>>,
): Case['run'] {
  return async (scene) => {
    const before = await scene.exchange({ method })
    before.wire.send(answer)
    const { head, body } = await before.call.whole()
    assert.deepEqual([head.status, body], [status, ''])
    for (const [name, values] of Object.entries(fields)) assert.deepEqual(head.values(name), values)
    const { call, wire } = await scene.exchange({ path: '/next' }, before)
    wire.send(ok)
    assert.equal((await call.whole()).body, 'ok')
  }
}

export const bodilessAnswers = [
  ...group('framing', 'RFC 9110 §9.3.2', both, {
    'An answer to HEAD has no body, and keeps its length': bodiless(
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n',
      200,
      { 'content-length': ['1234'] },
    ),
    'An answer to HEAD that would be chunked has no body': bodiless(
      'HEAD',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "x"\r\n\r\n',
      200,
      { etag: ['"x"'], 'content-length': [] },
    ),
  }),
  ...group('framing', 'RFC 9110 §15.4.5', both, {
    'A 304 has no body, and keeps the length of what it stands for': bodiless(
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "x"\r\n\r\n',
      304,
      { 'content-length': ['1234'], etag: ['"x"'] },
    ),
    'A 304 without a length gets none': bodiless(
      'GET',
      'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
      304,
      { 'content-length': [], 'transfer-encoding': [] },
    ),
  }),
  ...group('framing', 'RFC 9110 §15.3.5, RFC 9112 §6.1', both, {
    'A 204 has no body and no length': bodiless('GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204, {
      'content-length': [],
      'transfer-encoding': [],
    }),
  }),
  ...group('framing', 'RFC 9112 §6.3', both, {
    async 'A body behind an answer that has none is no answer to anybody else'(scene) {
      const before = await scene.exchange({ method: 'HEAD' })
      const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
      before.wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`)
      assert.equal((await before.call.whole()).head.status, 200)
      const { call, wire } = await scene.exchange({ path: '/next' }, before)
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
    async 'Bytes behind a whole answer are no answer to anybody else'(scene) {
      const before = await scene.exchange()
      before.wire.send(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`)
      assert.equal((await before.call.whole()).body, 'ok')
      const { call, wire } = await scene.exchange({ path: '/next' })
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]
