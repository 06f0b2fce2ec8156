import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { describeSpawner } from '../testing/spawner-conformance.js'
import { staticSpawner } from './static.js'

const tcp = { kind: 'tcp', host: '127.0.0.1', port: 3000 } as const
const nothingStarts = 'it starts nothing, so that nothing can end, fail, print or be left'

describeSpawner(
  { describe, it },
  {
    name: 'static',
    async make() {
      const server = createServer((_request, response) => response.end('hello')).listen(
        0,
        '127.0.0.1',
      )
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      return {
        spawner: staticSpawner(),
        run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port } as const },
        badRuns: [undefined, null, 'localhost:3000', [], {}, { endpoint: 'localhost:3000' }],
        leftovers: async () => [],
        async dispose() {
          server.closeAllConnections()
          server.close()
          await once(server, 'close')
        },
        notApplicable: {
          end: nothingStarts,
          crash: nothingStarts,
          failure: nothingStarts,
          'slow start': nothingStarts,
          grace: nothingStarts,
          logs: nothingStarts,
          recovery: nothingStarts,
        },
      }
    },
  },
)

describe('staticSpawner()', () => {
  const spawner = staticSpawner()
  const check = async (run: unknown): Promise<void> =>
    spawner.check(run as never, await spawner.capabilities(AbortSignal.timeout(1_000)))

  it('is reached by everyone, and its environments survive the host', async () => {
    expect([spawner.name, spawner.reach]).toEqual(['static', 'network'])
    expect(await spawner.capabilities(AbortSignal.timeout(1_000))).toEqual({
      suspend: false,
      survivesHost: true,
      limits: new Set(),
      egress: 'open',
      missing: [],
    })
  })

  it.each([
    tcp,
    { ...tcp, host: 'dev-3.internal.example.com' },
    { ...tcp, host: 'my_service.' },
    { ...tcp, host: '::1', port: 65_535 },
    { ...tcp, port: 1, tls: { serverName: 'dev.example.com' } },
    { ...tcp, tls: { serverName: 'dev.example.com', secret: 'dev-ca' } },
    { ...tcp, tls: undefined },
    { kind: 'unix', path: '/run/app.sock' },
    { kind: 'unix', path: `/${'x'.repeat(102)}`, tls: { serverName: 'a' } },
  ])('accepts %j', async (endpoint) => {
    await expect(check({ endpoint })).resolves.toBeUndefined()
  })

  it.each([
    [7, 'Expected the static spawner\'s `run` to be { endpoint: { kind: "tcp", host, port } } or'],
    [{}, 'has no "endpoint"'],
    [{ endpoints: tcp }, 'has no option "endpoints": did you mean `endpoint`?'],
    [{ endpoint: tcp, owner: 'me' }, 'has no option "owner"'],
    [{ endpoint: 'localhost:3000' }, 'Expected `endpoint`'],
    [{ endpoint: {} }, 'has no "kind"'],
    [{ endpoint: { kind: 'http', host: 'a', port: 1 } }, 'Expected `kind`'],
    [{ endpoint: { kind: 'dial' } }, 'the static spawner opens no connections itself'],
    [{ endpoint: { kind: 'tcp', port: 1 } }, 'has no "host"'],
    [{ endpoint: { kind: 'tcp', host: 'a' } }, 'has no "port"'],
    [{ endpoint: { ...tcp, hots: 'a' } }, 'did you mean `host`?'],
    [{ endpoint: { ...tcp, path: '/s' } }, 'has no option "path"'],
    ...[0, -1, 65_536, 1.5, '3000', Number.NaN].map((port) => [
      { endpoint: { ...tcp, port } },
      'to be a whole number from 1 to 65535',
    ]),
    ...['', 'localhost:3000', 'http://localhost', '[::1]', 'a b', 'a\r\n', '-a', 7].map((host) => [
      { endpoint: { ...tcp, host } },
      'to be a host name or an IP address alone, without a port and without brackets',
    ]),
    ...['', 'app.sock', './app.sock', '/a\0b', `/${'x'.repeat(103)}`, 7].map((path) => [
      { endpoint: { kind: 'unix', path } },
      'to be an absolute path of 103 bytes at most',
    ]),
    [{ endpoint: { kind: 'unix' } }, 'has no "path"'],
    [{ endpoint: { kind: 'unix', path: '/s', port: 1 } }, 'has no option "port"'],
    [{ endpoint: { ...tcp, tls: true } }, 'Expected `tls`'],
    [{ endpoint: { ...tcp, tls: {} } }, 'has no "serverName"'],
    [{ endpoint: { ...tcp, tls: { serverName: '' } } }, 'Expected `serverName`'],
    [{ endpoint: { ...tcp, tls: { serverName: 'a', ca: 'b' } } }, 'has no option "ca"'],
  ] as [unknown, string][])('refuses %j', async (run, message) => {
    await expect(check(run)).rejects.toMatchObject({
      code: 'ALCOVE_INVALID_OPTION',
      message: expect.stringContaining(message) as string,
    })
  })

  it('keeps an endpoint as it was at the start', async () => {
    const endpoint = { kind: 'tcp', host: '127.0.0.1', port: 3000 } as { port: number }
    const signal = AbortSignal.timeout(1_000)
    const context = { id: 'a', generation: 3, signal } as never
    const handle = await spawner.start({ endpoint } as never, context)
    endpoint.port = 4000
    expect(await spawner.observe(handle, {} as never, signal)).toEqual({
      is: 'running',
      endpoint: tcp,
    })
    expect(handle).toMatchObject({ version: 1, id: 'a', generation: 3 })
    await expect(spawner.start({} as never, context)).rejects.toThrow('has no "endpoint"')
  })
})
