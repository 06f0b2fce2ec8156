import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'

/**
 * Makes TLS of a plain connection, where there is any to be made; resolves once the other side has proved to be whom `tls` expects.
 * Until then, and wherever it fails, the connection is destroyed with it.
 *
 * @throws the signal's reason, or why TLS failed.
 */
export async function secured(
  connection: Duplex,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Duplex> {
  if (!tls) return connection
  const socket = connect({ ...tls, socket: connection })
  const abort = (): void => void socket.destroy()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(socket))
      socket.once('close', () => reject(socket.errored ?? new Error('closed while TLS was set up')))
      socket.on('error', () => connection.destroy())
    })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
