import assert from 'node:assert/strict'
import { both, group, ok } from '../case.ts'

const events =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

/** A chunk of HTTP/1.1. */
function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

export const streams = [
  ...group('streaming', 'HTML §9.2', both, {
    async 'The head of an event stream reaches the client before there is an event'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send(events)
      const head = await call.head()
      assert.deepEqual(head.values('content-type'), ['text/event-stream'])
    },
    async 'Each event reaches the client when it happens'(scene) {
      const { call, wire } = await scene.exchange({ fields: [['Accept-Encoding', 'gzip, br']] })
      wire.send(events)
      for (let i = 1; i <= 5; i += 1) {
        wire.send(chunk(`data: ${i}\n\n`))
        await call.until(`data: ${i}\n\n`)
      }
      wire.send('0\r\n\r\n')
      assert.equal((await call.whole()).body.length, 45)
    },
  }),
  ...group('streaming', 'RFC 9112 §7.1', both, {
    async 'The head of any answer reaches the client before there is a body'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
      assert.equal((await call.head()).status, 200)
      wire.send('hello')
      assert.equal((await call.whole()).body, 'hello')
    },
    async 'An upload reaches the environment before it has ended'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('one')
      const wire = await scene.environment.connection()
      await wire.until('one')
      call.send('two')
      await wire.until('two')
      call.finish()
      await wire.until('0\r\n\r\n')
      wire.send(ok)
      assert.equal((await call.whole()).body, 'ok')
    },
    async 'An answer may go on while its upload does'(scene) {
      const client = await scene.client()
      const call = client.ask({ method: 'POST', open: 'unknown' })
      call.send('one')
      const wire = await scene.environment.connection()
      await wire.until('one')
      wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('ONE')}`)
      await call.until('ONE')
      call.send('two')
      await wire.until('two')
      wire.send(chunk('TWO'))
      await call.until('TWO')
      call.finish()
      await wire.until('0\r\n\r\n')
      wire.send('0\r\n\r\n')
      assert.equal((await call.whole()).body, 'ONETWO')
    },
  }),
]
