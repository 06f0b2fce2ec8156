import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dialEndpoint } from './dial.js'
import { closedPort, fixtures, noAbort } from './target.fixture.js'

const { listening, socketPath } = fixtures(onTestFinished)

describe('dialEndpoint()', () => {
  it.each(['tcp', 'unix'])('opens a plain connection to a %s endpoint', async (kind) => {
    const server = createServer((socket) => socket.end('hello'))
    const endpoint = await listening(
      server,
      kind === 'tcp' ? { host: '127.0.0.1', port: 0 } : { path: await socketPath() },
    )
    expect(endpoint.kind).toBe(kind)
    const connection = await dialEndpoint(endpoint, noAbort)
    const chunks: Buffer[] = []
    for await (const chunk of connection) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe('hello')
  })

  it('rejects with the error of the socket', async () => {
    await expect(dialEndpoint(await closedPort(), noAbort)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
    await expect(
      dialEndpoint({ kind: 'unix', path: await socketPath() }, noAbort),
    ).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('rejects with the reason of an abort before it, and during it', async () => {
    const reason = new Error('not wanted any more')
    const endpoint = await listening(createServer(), { host: '127.0.0.1', port: 0 })
    await expect(dialEndpoint(endpoint, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    const dialling = dialEndpoint(endpoint, controller.signal)
    controller.abort(reason)
    await expect(dialling).rejects.toBe(reason)
  })

  it('destroys the connection when the signal aborts later, without an uncaught error', async () => {
    const server = createServer()
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const endpoint = await listening(server, { host: '127.0.0.1', port: 0 })
    const controller = new AbortController()
    const connection = await dialEndpoint(endpoint, controller.signal)
    const [peer] = await accepted
    peer.on('error', () => {})
    const closed = Promise.all([once(peer, 'close'), once(connection, 'close')])
    controller.abort()
    await closed
    expect(connection.destroyed).toBe(true)
  })

  it('survives a reset of the connection that nobody listens for', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const endpoint = await listening(server, { host: '127.0.0.1', port: 0 })
    const connection = await dialEndpoint(endpoint, noAbort)
    connection.resume().write('x')
    await new Promise((resolve) => connection.once('close', resolve))
    expect(connection.errored).toMatchObject({ code: 'ECONNRESET' })
  })

  it('refuses a path that Node.js would cut to that of another socket', async () => {
    const path = `/tmp/${'x'.repeat(99)}`
    await expect(dialEndpoint({ kind: 'unix', path }, noAbort)).rejects.toMatchObject({
      code: 'ALCOVE_UPSTREAM_CONNECT',
      message: expect.stringContaining('103 bytes') as string,
    })
    await expect(
      dialEndpoint({ kind: 'unix', path: path.slice(0, -1) }, noAbort),
    ).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('leaves endpoints of the kind "dial" to their spawner', async () => {
    await expect(dialEndpoint({ kind: 'dial' }, noAbort)).rejects.toMatchObject({
      code: 'ALCOVE_UPSTREAM_CONNECT',
    })
  })
})
