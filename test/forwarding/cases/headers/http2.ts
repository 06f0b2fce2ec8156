import assert from 'node:assert/strict'
import { group, http2, ok } from '../case.ts'
import { callArrivesOrIsRefused } from '../verdict.ts'

export const http2Requests = [
  ...group('headers', 'RFC 9113 §8.3', http2, {
    async 'No pseudo-header of HTTP/2 is passed on'(scene) {
      const { head } = await scene.exchange({ path: '/p?q' })
      assert.match(head.line, /^GET \/p\?q HTTP\/1\.[01]$/)
      assert.deepEqual(
        head.fields.filter(
          ([name]) => name === '' || /^:|^(method|path|scheme|authority)$/.test(name),
        ),
        [],
      )
    },
  }),
  ...group('headers', 'RFC 9113 §8.3.1', http2, {
    async 'Host comes from :authority'(scene) {
      const { head } = await scene.exchange({ host: 'pr-1.shop.test:8080' })
      assert.deepEqual(head.values('host'), ['pr-1.shop.test:8080'])
    },
    async 'A Host beside :authority is replaced, or the request refused'(scene) {
      const client = await scene.client()
      const call = client.ask({ host: 'shop.test', fields: [['host', 'other.test']] })
      const wire = await callArrivesOrIsRefused(scene, call, [400])
      if (wire) assert.deepEqual((await wire.head()).values('host'), ['shop.test'])
    },
  }),
  ...group('headers', 'RFC 9113 §8.2.3', http2, {
    async 'Crumbs of Cookie are joined to one field'(scene) {
      const fields = [
        ['cookie', 'a=1'],
        ['x-between', '1'],
        ['cookie', 'b=2'],
        ['cookie', 'c=3; d=4'],
      ] as const
      const { head } = await scene.exchange({ fields })
      assert.deepEqual(head.values('cookie'), ['a=1; b=2; c=3; d=4'])
    },
  }),
  ...group('headers', 'RFC 9113 §8.2.2', http2, {
    async 'TE: trailers of HTTP/2 is passed on'(scene) {
      const { head } = await scene.exchange({ fields: [['te', 'trailers']] })
      assert.deepEqual(head.values('te'), ['trailers'])
    },
  }),
  ...group('headers', 'RFC 9113 §8.2.1', http2, {
    async 'Names of fields reach a client of HTTP/2 in lower case'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 200 OK\r\nX-UPPER: 1\r\nContent-Length: 0\r\n\r\n')
      const { head } = await call.whole()
      assert.deepEqual(
        head.fields.map(([name]) => name).filter((name) => name !== name.toLowerCase()),
        [],
      )
      assert.deepEqual(head.values('x-upper'), ['1'])
    },
  }),
  ...group('headers', 'RFC 9113 §5.1.2', http2, {
    async 'Requests of one connection of HTTP/2 do not wait for each other'(scene) {
      const { client, call, wire } = await scene.exchange({ path: '/slow' })
      const quick = client.ask({ path: '/quick' })
      const other = await scene.environment.connection()
      assert.equal((await other.head()).target, '/quick')
      other.send(ok)
      assert.equal((await quick.whole()).body, 'ok')
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]
