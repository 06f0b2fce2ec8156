import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, ListenOptions, Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../environment/endpoint.js'
import { dialEndpoint } from './dial.js'
import type { ReadinessTarget } from './probe.js'
import { tcpReadiness } from './tcp.js'

/** Never aborts. */
export const noAbort: AbortSignal = new AbortController().signal

/** A target whose `dial` counts. */
export interface CountingTarget extends ReadinessTarget {
  dials: number
  /** Resolves when the `count`th dial begins. */
  dialled(count: number): Promise<void>
}

export function targetOf(
  endpoint: Endpoint,
  differences: Partial<ReadinessTarget> = {},
): CountingTarget {
  const waiting: { count: number; resolve: () => void }[] = []
  const target: CountingTarget = {
    endpoint,
    cause: 'started',
    tls: undefined,
    lines: { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) },
    ...differences,
    dials: 0,
    dial(signal) {
      target.dials += 1
      for (const { count, resolve } of waiting) if (count <= target.dials) resolve()
      return (differences.dial ?? ((s) => dialEndpoint(endpoint, s)))(signal)
    },
    dialled: (count) => new Promise((resolve) => waiting.push({ count, resolve })),
  }
  return target
}

/** Makes servers and sockets that are gone after the test. */
export function fixtures(onTestFinished: (cleanUp: () => Promise<void>) => void): Fixtures {
  const socketPath = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'alcove-test-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    return join(directory, 's')
  }
  const listening = async (server: NetServer, on: ListenOptions): Promise<Endpoint> => {
    server.listen(on)
    onTestFinished(async () => {
      if ('closeAllConnections' in server) (server as Server).closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    await once(server, 'listening')
    const address = server.address() as AddressInfo | string
    return typeof address === 'string'
      ? { kind: 'unix', path: address }
      : { kind: 'tcp', host: address.address, port: address.port }
  }
  const serving = async (listener: RequestListener): Promise<Serving> => {
    const server = createServer(listener)
    const closes: Promise<void>[] = []
    server.on('connection', (socket) => {
      closes.push(new Promise((resolve) => socket.once('close', () => resolve())))
    })
    const endpoint = await listening(server, { host: '127.0.0.1', port: 0 })
    return {
      endpoint,
      connections: () => closes.length,
      ended: async () => void (await Promise.all(closes)),
    }
  }
  return { socketPath, listening, serving }
}

export interface Fixtures {
  /** A path for a socket in a directory of its own. */
  socketPath(): Promise<string>
  listening(server: NetServer, on: ListenOptions): Promise<Endpoint>
  /** An HTTP server on a loopback port. */
  serving(listener: RequestListener): Promise<Serving>
}

export interface Serving {
  readonly endpoint: Endpoint
  connections(): number
  /** Waits until each connection that it has had is closed. */
  ended(): Promise<void>
}

/** A port of loopback that nothing listens on. */
export async function closedPort(): Promise<Endpoint> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { kind: 'tcp', host: '127.0.0.1', port }
}

/** Resolves after more time than lies between two attempts of any probe that began earlier. */
export async function longestPause(): Promise<void> {
  const target = targetOf(await closedPort())
  const controller = new AbortController()
  const ready = tcpReadiness().ready(target, controller.signal)
  await target.dialled(8)
  controller.abort()
  await ready.catch(() => {})
}
