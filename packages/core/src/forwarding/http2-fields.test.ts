import { type ServerHttp2Stream, connect, constants, createServer } from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { http2Fields } from './http2-fields.js'

it('are by lower-case name, with repeats as lists and what Node.js allows once, once', () => {
  const fields = http2Fields(['ETag', 'a', 'X-A', '1', 'etag', 'b', 'x-a', '2', 'X-B', '3'])
  expect(Object.entries(fields)).toEqual([
    ['etag', 'a'],
    ['x-a', ['1', '2']],
    ['x-b', '3'],
  ])
})

it('may be named as what any object has', () => {
  const fields = http2Fields(['Constructor', 'z', '__proto__', 'y', 'toString', 'x'])
  expect(Object.entries(fields)).toEqual([
    ['constructor', 'z'],
    ['__proto__', 'y'],
    ['tostring', 'x'],
  ])
})

it('can be sent, all that Node.js knows and each of them twice', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  try {
    session
      .request({ ':path': '/' })
      .on('error', () => {})
      .resume()
    const [stream] = (await once(server, 'stream')) as [ServerHttp2Stream]
    const known = Object.entries(constants).flatMap(([key, name]) =>
      key.startsWith('HTTP2_HEADER_') && typeof name === 'string' && !name.startsWith(':')
        ? [name]
        : [],
    )
    expect(known).toContain('http2-settings')
    const refused = known.filter((name) => {
      try {
        stream.additionalHeaders({ ':status': 103, ...http2Fields([name, 'a', name, 'b']) })
        return false
      } catch {
        return true
      }
    })
    expect(refused).toEqual([])
  } finally {
    session.destroy()
    server.close()
  }
})
