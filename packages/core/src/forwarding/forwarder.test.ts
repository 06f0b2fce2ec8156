import { expect, test } from 'vitest'
import { Front } from './test-support/front.js'
import { RawUpstream } from './test-support/raw-upstream.js'

test('a request goes through', async () => {
  await using upstream = await RawUpstream.listen()
  await using front = await Front.listen(upstream)
  const client = await front.client()
  client.send(
    'GET /x?y=1 HTTP/1.1\r\nHost: a.test:81\r\nX-A: 1\r\nX-A: 2\r\nConnection: close, x-b\r\nX-B: 1\r\n\r\n',
  )
  const wire = await upstream.connection()
  const head = await wire.head()
  expect(head).toContain('GET /x?y=1 HTTP/1.1')
  wire.send(
    'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
  )
  expect(await client.end()).toContain('hi')
  await front.done[0]
})

test('a websocket goes through', async () => {
  await using upstream = await RawUpstream.listen('unix')
  await using front = await Front.listen(upstream)
  const client = await front.client()
  client.send(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nEARLY',
  )
  const wire = await upstream.connection()
  await wire.head()
  wire.send(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nHELLO',
  )
  await client.head()
  expect(await client.bytes(5)).toBe('HELLO')
  expect(await wire.bytes(5)).toBe('EARLY')
  client.socket.end()
  await wire.end()
  wire.socket.end()
  await client.close()
  await front.done[0]
})
