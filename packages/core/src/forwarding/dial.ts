import type { Duplex } from 'node:stream'
import type { buildConnector } from 'undici'
import type { Lease } from '../instance/lease.js'

/** How the spawner opens connections to `dial` endpoints. */
export type Dial = (lease: Lease, signal: AbortSignal) => Promise<Duplex>

/** What a connector for a `dial` endpoint needs. */
export interface DialConnectorOptions {
  readonly dial: Dial | undefined
  /** How long all of it may take, TLS too. */
  readonly connectTimeoutMs: number
  /** What makes TLS of what is dialled, where the endpoint has it. */
  readonly tls: buildConnector.connector | undefined
  /** Any lease of the instance. */
  lease(): Lease
  /** Aborted when nothing is to be connected to any more. */
  readonly closed: AbortSignal
}

/** Lets undici connect by what the spawner dials. */
export function dialConnector(options: DialConnectorOptions): buildConnector.connector {
  const { connectTimeoutMs, closed, tls } = options
  return (target, callback) => {
    // Of each attempt its own, and never aborted after it: a spawner may end with its signal what it has dialled.
    const attempt = new AbortController()
    const { signal } = attempt
    const close = (): void => attempt.abort(closed.reason)
    if (closed.aborted) close()
    closed.addEventListener('abort', close, { once: true })
    const timer = setTimeout(() => {
      attempt.abort(new DOMException(`No connection within ${connectTimeoutMs} ms`, 'TimeoutError'))
    }, connectTimeoutMs)
    const done: buildConnector.Callback = (...outcome) => {
      clearTimeout(timer)
      closed.removeEventListener('abort', close)
      callback(...outcome)
    }
    open(options, signal).then(
      (connection) => {
        // undici takes any Duplex here, though its types ask for a net.Socket.
        const socket = connection as never
        if (!tls) {
          done(null, socket)
          return
        }
        signal.addEventListener('abort', () => connection.destroy(signal.reason as Error))
        tls({ ...target, httpSocket: socket }, done)
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
    )
  }
}

async function open({ dial, lease }: DialConnectorOptions, signal: AbortSignal): Promise<Duplex> {
  if (!dial) throw new Error('Its spawner has no `dial` to open connections with')
  const dialled = dial(lease(), signal)
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
  try {
    return await Promise.race([dialled, aborted])
  } catch (error) {
    // What comes too late, from whoever does not heed the signal, must not stay open.
    dialled.then(discard, () => {})
    throw error
  }
}

function discard(socket: Duplex): void {
  socket.on('error', () => {})
  socket.destroy()
}
