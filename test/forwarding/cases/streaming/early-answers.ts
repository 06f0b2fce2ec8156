import assert from 'node:assert/strict'
import { both, group, http1, ok } from '../case.ts'
import { Flow, flowBytes } from '../flow.ts'
import { callArrivesOrIsRefused } from '../verdict.ts'

const tooLarge = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'
const tooLargeAndClose = tooLarge.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
const mebibyte = 'x'.repeat(1024 * 1024)

export const earlyAnswers = [
  ...group('streaming', 'RFC 9112 §9.5', both, {
    async 'An answer that comes before the upload has ended is relayed'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('x')
      const wire = await scene.environment.connection()
      await wire.until('x')
      wire.send(tooLarge)
      const { head, body } = await call.whole()
      assert.deepEqual([head.status, body], [413, 'big'])
    },
    async 'An answer whose connection ends in the middle of the upload is relayed'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('x')
      const wire = await scene.environment.connection()
      await wire.until('x')
      wire.send(tooLargeAndClose)
      wire.socket.end()
      const { head, body } = await call.whole()
      assert.deepEqual([head.status, body], [413, 'big'])
    },
    async 'A client that sends a megabyte on after an early answer still gets it'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('x')
      const wire = await scene.environment.connection()
      await wire.until('x')
      wire.send(tooLargeAndClose)
      wire.socket.end()
      call.send(mebibyte)
      call.finish()
      const { head, body } = await call.whole()
      assert.deepEqual([head.status, body], [413, 'big'])
    },
    async 'After an early answer the next request gets its own'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('x')
      const first = await scene.environment.connection()
      await first.until('x')
      first.send(tooLarge)
      await call.whole()
      const { call: next, wire, head } = await scene.exchange({ path: '/next' })
      assert.notEqual(wire, first)
      assert.equal(head.target, '/next')
      wire.send(ok)
      assert.equal((await next.whole()).body, 'ok')
    },
  }),
  ...group('streaming', 'RFC 9112 §9.3', http1, {
    async 'The rest of an upload after an early answer is no request'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('x')
      const first = await scene.environment.connection()
      await first.until('x')
      first.send(tooLarge)
      await call.whole()
      call.send('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')
      call.finish()
      // The connection is closed, or is there for another request.
      if (client.ended) return
      const next = client.ask({ path: '/next' })
      const wire = await callArrivesOrIsRefused(scene, next, [])
      if (!wire) return
      assert.equal((await wire.head()).target, '/next')
      wire.send(ok)
      assert.equal((await next.whole()).body, 'ok')
    },
  }),
  ...group('streaming', 'RFC 9112 §9.6', both, {
    async 'A client that sends on and on after an early answer is cut off, or held back'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: flowBytes })
      call.send('x')
      const wire = await scene.environment.connection()
      await wire.until('x')
      wire.send(tooLargeAndClose)
      wire.socket.end()
      await call.whole()
      assert.ok((await new Flow(call.upload).halt()) < flowBytes, 'it could send all')
    },
  }),
]
