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
  const { dial, connectTimeoutMs, closed, tls } = options
  const open = async (late: AbortSignal): Promise<Duplex> => {
    if (!dial) throw new Error('Its spawner has no `dial` to open connections with')
    const signal = AbortSignal.any([closed, late])
    const dialled = dial(options.lease(), signal)
    const aborted = new Promise<never>((_, reject) => {
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
  return (target, callback) => {
    const late = AbortSignal.timeout(connectTimeoutMs)
    open(late).then(
      (socket) => {
        // undici takes any Duplex here, though its types ask for a net.Socket.
        if (!tls) {
          callback(null, socket as never)
          return
        }
        const tooLate = (): void => void socket.destroy(late.reason as Error)
        late.addEventListener('abort', tooLate)
        tls({ ...target, httpSocket: socket as never }, (...outcome) => {
          late.removeEventListener('abort', tooLate)
          callback(...outcome)
        })
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    )
  }
}

function discard(socket: Duplex): void {
  socket.on('error', () => {})
  socket.destroy()
}
