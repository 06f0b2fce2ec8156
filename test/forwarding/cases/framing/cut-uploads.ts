import assert from 'node:assert/strict'
import type { Case, Exchange } from '../../subject.ts'
import { both, group, http1, ok } from '../case.ts'

/** An upload that breaks off is no whole one for the environment, and its connection carries nothing else. */
function cut(open: number | 'unknown', breakOff: (exchange: Exchange) => void): Case['run'] {
  return async (scene) => {
    const client = await scene.client()
    const call = client.ask({ method: 'POST', open })
    call.send('hel')
    const wire = await scene.environment.connection()
    const head = await wire.head()
    await wire.until('hel')
    breakOff({ client, call, wire, head })
    assert.doesNotMatch(await wire.end(), /0\r\n\r\n/)
    assert.equal(wire.socket.writable && !wire.ended, false)
    const next = await scene.exchange({ path: '/next' })
    assert.notEqual(next.wire, wire)
    assert.equal(next.head.target, '/next')
    next.wire.send(ok)
    assert.equal((await next.call.whole()).body, 'ok')
  }
}

const leaves = ({ call }: Exchange): void => call.leave()
const breaks = ({ client }: Exchange): void => client.destroy()

export const cutUploads = [
  ...group('framing', 'RFC 9112 §8', both, {
    'An upload of declared length that is cut aborts the request to the environment': cut(
      9,
      leaves,
    ),
    'An upload without a declared length that is cut aborts the request to the environment': cut(
      'unknown',
      leaves,
    ),
    'An upload whose connection breaks aborts the request to the environment': cut(
      'unknown',
      breaks,
    ),
  }),
  ...group('framing', 'RFC 9112 §8', http1, {
    async 'An upload whose client closes its side before the end aborts the request to the environment'(
      scene,
    ) {
      const client = await scene.wire()
      client.send('POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9\r\n\r\nhel')
      const wire = await scene.environment.connection()
      await wire.until('hel')
      client.socket.end()
      assert.equal(await wire.end(), '')
    },
  }),
]
