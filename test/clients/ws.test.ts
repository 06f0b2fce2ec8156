import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { every, printedBy, programAt, unused } from './environments.ts'
import { type Front, Host } from './host.ts'
import { Client } from './web-socket.ts'

const webSockets = new URL('programs/web-sockets.ts', import.meta.url)
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

describe.each<[Front, 'socket' | 'reported-port']>([
  ['node:http', 'socket'],
  ['Express 5', 'reported-port'],

  ['TLS', 'reported-port'],
])('a client of `ws`, by %s, to an environment with a %s', (front, listen) => {
  let host: Host
  beforeAll(async () => {
    host = await Host.listen(front, every(programAt(webSockets, listen)))
  })
  afterAll(() => host[Symbol.asyncDispose]())

  it('gets texts of all sizes back as they were, in order', async () => {
    const client = await Client.dial(host, 'a').open
    // Each way to write a length, and its bounds (RFC 6455 §5.2).
    const texts = [0, 1, 125, 126, 65_535, 65_536].map((length) => 'ä→'.repeat(length))
    for (const one of texts) client.socket.send(one)
    for (const one of texts) expect(await client.texts.next()).toBe(one)
    client.socket.close()
    await client.closed
  })

  it('gets megabytes back as they were', async () => {
    const client = await Client.dial(host, 'a', { maxPayload: 64 * 2 ** 20 }).open
    const big = randomBytes(4 * 2 ** 20)
    const small = Array.from({ length: 200 }, (_, i) => Buffer.alloc(10_000, i))
    client.socket.send(big)
    for (const one of small) client.socket.send(one)
    expect(sha256(await client.binaries.next())).toBe(sha256(big))
    for (const one of small) expect((await client.binaries.next()).equals(one)).toBe(true)
    client.socket.close()
    await client.closed
  })

  it('agrees on permessage-deflate with the environment', async () => {
    const client = Client.dial(host, 'a', { perMessageDeflate: { threshold: 0 } })
    const [response] = (await once(client.socket, 'upgrade')) as [IncomingMessage]
    await client.open
    expect(client.socket.extensions).toBe('permessage-deflate')
    const { socket } = response
    const before = socket.bytesRead
    const repetitive = 'so much of the same '.repeat(50_000)
    expect(await client.echo(repetitive)).toBe(repetitive)
    expect(socket.bytesRead - before).toBeLessThan(repetitive.length / 50)
    client.socket.close()
    await client.closed
  })

  it('agrees on no extension that it does not offer', async () => {
    const client = await Client.dial(host, 'a').open
    expect(client.socket.extensions).toBe('')
    expect(await client.echo('plain')).toBe('plain')
    client.socket.close()
    await client.closed
  })

  it('gets the subprotocol that the environment chooses', async () => {
    const client = await Client.dial(host, 'a', { protocols: ['first', 'second'] }).open
    expect(client.socket.protocol).toBe('second')
    client.socket.close()
    await client.closed
  })

  it('pings and is pinged, with what a ping carries', async () => {
    const printed = printedBy(host.manager)
    const client = await Client.dial(host, 'a').open
    client.socket.ping('from the client')
    await printed.next(({ text: line }) => line === 'pinged from the client')
    expect(await client.pongs.next()).toBe('from the client')
    client.socket.send('!ping from-the-environment')
    expect(await client.pings.next()).toBe('from-the-environment')
    await printed.next(({ text: line }) => line === 'ponged from-the-environment')
    client.socket.close()
    await client.closed
  })

  it.each([
    [1000, ''],
    [1000, 'done'],
    [3456, 'why not'],
    [4999, 'bye'],
    // No code at all: 1005 stands for that (RFC 6455 §7.4.1).
    [undefined, ''],
  ])('says goodbye with %s %s', async (code, reason) => {
    const printed = printedBy(host.manager)
    const client = await Client.dial(host, 'a').open
    client.socket.close(code, reason)
    const seen = `closed ${code ?? 1005} ${reason}`.trim()
    await printed.next(({ text: line }) => line.trim() === seen)
    expect(await client.closed).toEqual({ code: code ?? 1005, reason })
    await unused(host.manager, 'a')
  })

  it('is told why the environment says goodbye', async () => {
    const client = await Client.dial(host, 'a').open
    client.socket.send('!close 4002 enough')
    expect(await client.closed).toEqual({ code: 4002, reason: 'enough' })
    await unused(host.manager, 'a')
  })

  it('sees an end without a goodbye where the environment says none', async () => {
    const client = await Client.dial(host, 'a').open
    client.socket.send('!terminate')
    expect(await client.closed).toEqual({ code: 1006, reason: '' })
    await unused(host.manager, 'a')
  })

  // Soon: a handshake has no body that would have to be waited for.
  it.each([
    ['the environment', { path: '/forbidden' }, 403, 'Not You'],
    ['the gateway', { headers: { 'x-env-id': 'NO' } }, 400, undefined],
  ])(
    'is refused by %s with its own words',
    async (_who, how, status, body) => {
      const client = Client.dial(host, 'a', how)
      const [request, response] = (await once(client.socket, 'unexpected-response')) as [
        ClientRequest,
        IncomingMessage,
      ]
      expect(response.statusCode).toBe(status)
      const said = await text(response)
      if (body !== undefined) {
        expect(said).toBe(body)
        expect(response.headers['x-why']).toBe('a test')
      }
      const { socket } = request as { socket: Socket }
      if (!socket.closed) await once(socket, 'close')
      await unused(host.manager, 'a')
    },
    4000,
  )

  it('keeps to its own of many at once', async () => {
    const clients = await Promise.all(
      Array.from({ length: 30 }, (_, i) => Client.dial(host, i % 2 ? 'a' : 'b').open),
    )
    const { leases } = host.manager.explain('a')
    expect(leases.upgrade).toBe(15)
    await Promise.all(
      clients.map(async (client, i) => {
        for (let round = 0; round < 5; round += 1) {
          expect(await client.echo(`${i}/${round}`)).toBe(`${i}/${round}`)
        }
        client.socket.close()
        await client.closed
      }),
    )
    await unused(host.manager, 'a')
    await unused(host.manager, 'b')
  })
})
