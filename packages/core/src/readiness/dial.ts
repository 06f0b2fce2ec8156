import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { describeEndpoint, type Endpoint, maxSocketPathBytes } from '../environment/endpoint.js'
import { UpstreamConnectError } from '../errors.js'
import type { ReadinessTarget } from './probe.js'

/**
 * Opens a plain connection to an endpoint; it is destroyed when `signal` aborts, and its errors are never uncaught.
 *
 * TLS, where the endpoint has it, is the caller's to add.
 *
 * @throws the signal's reason, the socket's error, or {@link UpstreamConnectError} for an endpoint that can't be connected to.
 * @example
 * ```ts
 * const socket = await dialEndpoint({ kind: 'tcp', host: '127.0.0.1', port: 3000 }, AbortSignal.timeout(1_000))
 * socket.destroy()
 * ```
 */
export async function dialEndpoint(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted()
  const socket = open(endpoint)
  const abort = (): void => void socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', abort))
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(reasonOf(signal, socket.errored))
    socket.once('close', closed)
    socket.once('connect', () => {
      socket.removeListener('close', closed)
      resolve(socket)
    })
    // Stays for good: whoever takes the connection over may add its own listener too late.
    socket.on('error', () => {})
  })
}

/** Opens a connection to a target, whatever its `dial` makes of `signal`: one that comes too late is destroyed. */
export function dialTarget(
  target: Pick<ReadinessTarget, 'dial'>,
  signal: AbortSignal,
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(reasonOf(signal))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const dialled = (connection: Duplex): void => {
      signal.removeEventListener('abort', abort)
      connection.on('error', () => {})
      if (signal.aborted) connection.destroy()
      resolve(connection)
    }
    target.dial(signal).then(dialled, (error: unknown) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    })
  })
}

function open(endpoint: Endpoint): Socket {
  switch (endpoint.kind) {
    case 'tcp':
      return connect({ host: endpoint.host, port: endpoint.port, noDelay: true })
    case 'unix':
      if (Buffer.byteLength(endpoint.path) > maxSocketPathBytes) {
        throw new UpstreamConnectError(
          `The path of a Unix socket may have ${maxSocketPathBytes} bytes, and ${describeEndpoint(endpoint)} is longer; use a shorter directory`,
        )
      }
      return connect({ path: endpoint.path })
    case 'dial':
      throw new UpstreamConnectError(
        'An endpoint of the kind "dial" is opened by its spawner alone',
      )
  }
}

function reasonOf(signal: AbortSignal, error?: Error | null): Error {
  if (signal.aborted) return signal.reason as Error
  return error ?? new Error('the connection was closed before it was open')
}
