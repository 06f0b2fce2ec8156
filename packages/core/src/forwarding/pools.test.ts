import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Dispatcher } from 'undici'
import type { ConnectionAware } from './connection.js'
import { resolveForwarderOptions } from './forwarder-options.js'
import { Pools } from './pools.js'
import { FakeLease } from './test-support/fake-lease.js'

const ends: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** An environment that answers when told to. */
async function environment(): Promise<{ server: Server; lease: FakeLease }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, lease: new FakeLease({ kind: 'tcp', host: '127.0.0.1', port }) }
}

/** Sends a request; resolves with the status. */
function ask(pools: Pools, lease: FakeLease): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0
    const handler: ConnectionAware = {
      connection: undefined,
      onRequestStart() {},
      onResponseStart(_controller: Dispatcher.DispatchController, code: number) {
        status = code
      },
      onResponseData() {},
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller: unknown, error: Error) => reject(error),
    }
    pools.for(lease).dispatch({ path: '/', method: 'GET' }, handler, lease)
  })
}

function make(idleMs: number): Pools {
  const pools = new Pools(resolveForwarderOptions({}), idleMs)
  ends.push(() => pools.close())
  return pools
}

describe('the connections to an environment', () => {
  it('are opened when first needed, closed when idle, and opened again', async () => {
    const { server, lease } = await environment()
    server.on('request', (_request, response) => response.end())
    const pools = make(20)
    pools.for(lease)
    expect(pools.openCount).toBe(0)
    const connected = once(server, 'connection') as Promise<[Socket]>
    expect(await ask(pools, lease)).toBe(200)
    expect(pools.openCount).toBe(1)
    const [socket] = await connected
    await once(socket, 'close')
    expect(pools.openCount).toBe(0)
    expect(await ask(pools, lease)).toBe(200)
  })

  it('stay while anything is under way, however long that takes', async () => {
    const { server, lease } = await environment()
    const pools = make(5)
    const asked = once(server, 'request') as Promise<[unknown, import('node:http').ServerResponse]>
    const answer = ask(pools, lease)
    const [, response] = await asked
    // Looked at by others, whose connections come and go meanwhile.
    const other = await environment()
    Object.assign(other.lease, { id: 'pr-2' })
    other.server.on('request', (_request, reply) => reply.end())
    for (let times = 0; times < 3; times += 1) {
      const connected = once(other.server, 'connection') as Promise<[Socket]>
      await ask(pools, other.lease)
      const [socket] = await connected
      await once(socket, 'close')
    }
    expect(pools.openCount).toBe(1)
    response.end()
    expect(await answer).toBe(200)
  })

  it('are dropped with the instance', async () => {
    const { server, lease } = await environment()
    server.on('request', (_request, response) => response.end())
    const pools = make(60_000)
    const connected = once(server, 'connection') as Promise<[Socket]>
    await ask(pools, lease)
    const [socket] = await connected
    pools.drop(lease.id, lease.generation)
    await once(socket, 'close')
    expect(pools.openCount).toBe(0)
  })
})
