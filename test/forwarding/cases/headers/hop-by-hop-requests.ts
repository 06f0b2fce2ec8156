import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { group, http1 } from '../case.ts'
import { callArrivesOrIsRefused } from '../verdict.ts'

type Fields = readonly (readonly [string, string])[]

/** These fields arrive as no more than `left`, and what stands beside them arrives. */
function removed(name: string, fields: Fields, left: readonly string[] = []): Case['run'] {
  return async (scene) => {
    const { head } = await scene.exchange({ fields: [...fields, ['X-Kept', '1']] })
    assert.deepEqual(head.values(name), left)
    assert.deepEqual(head.values('x-kept'), ['1'])
  }
}

export const hopByHopRequests = group('headers', 'RFC 9110 §7.6.1', http1, {
  'Keep-Alive of a request goes no further': removed('keep-alive', [['Keep-Alive', 'timeout=7']]),
  'Proxy-Connection of a request goes no further': removed('proxy-connection', [
    ['Proxy-Connection', 'keep-alive'],
  ]),
  'Proxy-Authorization goes no further': removed('proxy-authorization', [
    ['Proxy-Authorization', 'Basic c2VjcmV0'],
  ]),
  'TE goes no further': removed('te', [['TE', 'gzip, deflate;q=0.5']]),
  'TE goes no further, but that trailers are welcome does': removed(
    'te',
    [
      ['Connection', 'TE'],
      ['TE', 'gzip, trailers'],
    ],
    ['trailers'],
  ),
  'Trailer on a GET goes no further': removed('trailer', [['Trailer', 'X-Sum']]),
  'Upgrade that the client does not stand by goes no further': removed('upgrade', [
    ['Upgrade', 'foo/2'],
  ]),

  'HTTP2-Settings goes no further, whether Connection names it or not': removed('http2-settings', [
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
  ]),

  async 'Connection says what holds between proxy and environment, not what the client said'(
    scene,
  ) {
    const { head } = await scene.exchange({ fields: [['Connection', 'close, X-Private']] })
    assert.doesNotMatch(head.values('connection').join(), /x-private/i)
  },

  'A field that Connection names goes no further, whatever its case': removed('x-private', [
    ['Connection', 'keep-alive, x-pRIVATE'],
    ['X-Private', '1'],
    ['X-PRIVATE', '2'],
  ]),
  'A field that a second Connection names goes no further': removed('x-private', [
    ['Connection', 'keep-alive'],
    ['X-Private', '1'],
    ['Connection', ' , X-Private ,'],
  ]),
  'A field that Connection names after it came goes no further': removed('x-private', [
    ['X-Private', '1'],
    ['Connection', 'close,X-Private'],
  ]),

  async 'Connection can not take away whom the proxy says it asks for'(scene) {
    const names = 'X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host'
    const { head } = await scene.exchange({ fields: [['Connection', names]] })
    assert.deepEqual(head.values('x-forwarded-for'), ['127.0.0.1'])
    assert.deepEqual(head.values('x-forwarded-proto'), ['http'])
    assert.deepEqual(head.values('x-forwarded-host'), ['shop.test'])
  },

  async 'Connection can not take away Via'(scene) {
    const { head } = await scene.exchange({ fields: [['Connection', 'Via']] })
    assert.equal(head.list('via').length, 1)
  },

  async 'Connection can not take away Host'(scene) {
    const client = await scene.client()
    const call = client.ask({ fields: [['Connection', 'Host']] })
    const wire = await callArrivesOrIsRefused(scene, call, [400])
    if (wire) assert.deepEqual((await wire.head()).values('host'), ['shop.test'])
  },

  async 'Connection can not take away the length of a body'(scene) {
    const client = await scene.client()
    client.ask({ method: 'POST', body: 'hello', fields: [['Connection', 'Content-Length']] })
    const { body } = await (await scene.environment.connection()).message('request')
    assert.equal(body, 'hello')
  },
})
