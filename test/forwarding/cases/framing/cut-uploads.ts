import assert from 'node:assert/strict'
import type { Case, Exchange } from '../../subject.ts'
import { both, group, http1, http2, ok } from '../case.ts'

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

/** A frame of HTTP/2 (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, ...payload: readonly number[]): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, Buffer.from(payload)])
}

/** A stream whose upload is reset like this, which no client library does without an end of the body before it. */
function reset(code: number): Case['run'] {
  return async (scene) => {
    const client = await scene.wire()
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    client.socket.write(frame(4, 0, 0))
    // :method POST, :path /, :scheme http, and :authority as a literal (RFC 7541 §6).
    client.socket.write(frame(1, 4, 1, 0x83, 0x84, 0x86, 0x41, 1, 0x61))
    client.socket.write(frame(0, 0, 1, ...Buffer.from('hel')))
    const wire = await scene.environment.connection()
    await wire.until('hel')
    client.socket.write(frame(3, 0, 1, 0, 0, 0, code))
    assert.doesNotMatch(await wire.end(), /0\r\n\r\n/)
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
  ...group('framing', 'RFC 9113 §8.1', http2, {
    'An upload that is reset with CANCEL aborts the request to the environment': reset(8),
    'An upload that is reset with NO_ERROR aborts the request to the environment': reset(0),
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
