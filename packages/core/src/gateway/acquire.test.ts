import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { UpstreamConnectError } from '../errors.js'
import { EnvironmentManager } from '../manager/manager.js'
import { staticSpawner } from '../spawning/static.js'
import { acquireAgain, acquireFor } from './acquire.js'

const refused = new UpstreamConnectError('Refused', { retryAfterMs: 1_000 })

/** A manager of one environment that has stopped listening, and has been found out. */
async function make(
  readyTimeoutMs: number,
): Promise<{ manager: EnvironmentManager; port: number }> {
  const server: Server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const endpoint = { kind: 'tcp', host: '127.0.0.1', port } as const
  const manager = new EnvironmentManager({
    spawner: staticSpawner(),
    specFor: () => ({ run: { endpoint } }),
    readyTimeoutMs,
  })
  const lease = await manager.acquire('a')
  await new Promise((resolve) => server.close(resolve))
  manager.reportUnreachable(lease)
  lease.release()
  expect(manager.get('a')?.state).toBe('unready')
  return { manager, port }
}

it('an environment that does not come back is what it was: not there', async () => {
  const { manager } = await make(60_000)
  await using _ = manager
  const again = acquireAgain(new PassThrough(), manager, 'a', {}, refused, 20)
  await expect(again).rejects.toBe(refused)
})

it('nor is one that is given up meanwhile too late', async () => {
  const { manager } = await make(50)
  await using _ = manager
  const again = acquireAgain(new PassThrough(), manager, 'a', {}, refused)
  await expect(again).rejects.toBe(refused)
})

it('one that comes back is waited for', async () => {
  const { manager, port } = await make(60_000)
  await using _ = manager
  const again = acquireAgain(new PassThrough(), manager, 'a', {}, refused)
  const server = createServer().listen(port, '127.0.0.1')
  const lease = await again
  expect(lease?.id).toBe('a')
  lease?.release()
  server.close()
})

it('a client that leaves does not wait', async () => {
  const { manager } = await make(60_000)
  await using _ = manager
  const client = new PassThrough()
  const again = acquireAgain(client, manager, 'a', {}, refused)
  client.destroy()
  expect(await again).toBeUndefined()
})

it('one that is turned away in the moment in which it is ready is told so', async () => {
  await using manager = new EnvironmentManager({
    spawner: staticSpawner(),
    specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 } } }),
    readiness: { ready: async () => {} },
  })
  const left = new AbortController()
  const acquire = manager.acquire.bind(manager)
  manager.acquire = async (...how) => {
    const lease = await acquire(...how)
    left.abort(refused)
    return lease
  }
  await expect(acquireFor(new PassThrough(), manager, 'a', {}, left)).rejects.toBe(refused)
  expect(manager.explain('a').leases).toMatchObject({ request: 0 })
})
