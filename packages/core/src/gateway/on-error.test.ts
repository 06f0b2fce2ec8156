import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createRawServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { AlcoveError } from '../errors.js'
import type { Restriction } from '../events.js'
import { headerRouter } from '../routing/header.js'
import { staticSpawner } from '../spawning/static.js'
import { createGateway } from './gateway.js'
import type { GatewayOptions, OnError } from './options.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

interface Bench {
  readonly url: string
  readonly problems: AlcoveError[]
  readonly restrictions: Restriction[]
  readonly port: number
}

/** A gateway before an environment that is a bare socket. */
async function make(
  environment: (socket: Socket) => void,
  options: Partial<GatewayOptions>,
): Promise<Bench> {
  const upstream = createRawServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => environment(socket))
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const gateway = createGateway({
    router: headerRouter(),
    spawner: staticSpawner(),
    specFor: ({ id }) =>
      id === 'unknown'
        ? undefined
        : { run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port } } },
    ...options,
  })
  const problems: AlcoveError[] = []
  const restrictions: Restriction[] = []
  gateway.manager.on('problem', (error) => problems.push(error))
  gateway.manager.on('restricted', (restriction) => restrictions.push(restriction))
  const server = createServer((request, response) => void gateway(request, response))
  gateway.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    server.close()
    server.closeAllConnections()
    await gateway.close({ drainMs: 0 })
    upstream.close()
  })
  const at = (server.address() as AddressInfo).port
  return { url: `http://127.0.0.1:${at}/`, port: at, problems, restrictions }
}

const ask = (url: string, id = 'a'): Promise<Response> =>
  fetch(url, { headers: { 'x-env-id': id, connection: 'close' } })
const breaks = (socket: Socket): void => void socket.destroy()

describe('onError', () => {
  it('is told, and leaves the answer to the gateway', async () => {
    const told: [string, string | undefined, string | undefined][] = []
    const { url } = await make(breaks, {
      onError: (error, request) =>
        void told.push([error.code, error.id, (request as IncomingMessage).url]),
    })
    const answer = await ask(url)
    expect(answer.status).toBe(502)
    expect(answer.headers.get('x-alcove-error')).toBe('ALCOVE_UPSTREAM_BROKEN')
    await answer.text()
    expect((await ask(url, 'unknown')).status).toBe(404)
    expect((await ask(url, 'no id')).status).toBe(400)
    expect(told).toEqual([
      ['ALCOVE_UPSTREAM_BROKEN', 'a', '/'],
      ['ALCOVE_NOT_FOUND', 'unknown', '/'],
      ['ALCOVE_ROUTE_REJECTED', undefined, '/'],
    ])
  })

  it('may answer itself, in its own time', async () => {
    const { url } = await make(breaks, {
      onError: async (error, _request, response) => {
        await new Promise((resolve) => setImmediate(resolve))
        ;(response as ServerResponse).writeHead(418, { 'x-own': '1' }).end(error.code)
      },
    })
    const answer = await ask(url)
    expect([answer.status, answer.headers.get('x-own')]).toEqual([418, '1'])
    expect(answer.headers.get('x-alcove-error')).toBeNull()
    expect(await answer.text()).toBe('ALCOVE_UPSTREAM_BROKEN')
  })

  it('may go on answering after it has returned', async () => {
    const { url } = await make(breaks, {
      onError: (_error, _request, response) => {
        const answer = response as ServerResponse
        answer.write('one ')
        setImmediate(() => answer.end('two'))
      },
    })
    expect(await (await ask(url)).text()).toBe('one two')
  })

  it.each<[string, OnError]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('boom'))],
  ])('that %s is a problem, and the answer is the gateway’s', async (_, onError) => {
    const { url, problems } = await make(breaks, { onError })
    const answer = await ask(url)
    expect(answer.headers.get('x-alcove-error')).toBe('ALCOVE_UPSTREAM_BROKEN')
    expect(problems.map(({ code, reason }) => [code, reason])).toEqual([
      ['ALCOVE_HOOK_FAILED', '`onError` failed'],
    ])
  })

  it('is told why an answer was cut off', async () => {
    const told: [string, boolean][] = []
    const { url } = await make(
      (socket) => {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      },
      {
        onError: (error, _request, response) => void told.push([error.code, response.headersSent]),
      },
    )
    await expect(ask(url).then((answer) => answer.text())).rejects.toThrow('terminated')
    expect(told).toEqual([['ALCOVE_UPSTREAM_BROKEN', true]])
  })

  it('is told of upgrades, and may answer them', async () => {
    const { port } = await make(breaks, {
      onError: (error, _request, response) => {
        const answer = response as ServerResponse
        answer.statusCode = 418
        answer.end(error.code)
      },
    })
    const client = connect(port, '127.0.0.1').setEncoding('latin1')
    client.write(
      'GET / HTTP/1.1\r\nHost: a\r\nx-env-id: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n',
    )
    let answer = ''
    for await (const chunk of client) answer += chunk
    expect(answer).toContain('HTTP/1.1 418 ')
    expect(answer).toContain('ALCOVE_UPSTREAM_BROKEN')
  })
})

it('a manager tells what was kept from an environment, and what from its visitors', async () => {
  const { url, restrictions } = await make((socket) => {
    socket.end('HTTP/1.1 200 OK\r\nClear-Site-Data: "*"\r\nContent-Length: 0\r\n\r\n')
  }, {})
  const headers = { 'x-env-id': 'a', authorization: 'Bearer x', connection: 'close' }
  const answer = await fetch(url, { headers })
  expect(answer.headers.get('clear-site-data')).toBeNull()
  expect(restrictions).toEqual([
    {
      id: 'a',
      generation: 1,
      field: 'authorization',
      action: 'dropped',
      option: 'forwardAuthorization',
    },
    {
      id: 'a',
      generation: 1,
      field: 'clear-site-data',
      action: 'dropped',
      option: 'allowClearSiteData',
    },
  ])
})
