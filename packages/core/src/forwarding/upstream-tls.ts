import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { buildConnector } from 'undici'

/** Errors that ended connections on which an environment had not said a word yet. */
const unanswered = new WeakSet<Error>()

/** Whether a connection over TLS was ended by this error before the environment had answered anything on it. */
export function endedUnanswered(error: Error): boolean {
  return unanswered.has(error)
}

/** How connections are made. */
export interface TlsConnectorOptions {
  readonly connectTimeoutMs: number
  /** The Unix socket to connect to, instead of the target's port. */
  readonly socketPath?: string
}

/** Lets undici connect over TLS, with sessions that later connections take up again. */
export function tlsConnector(
  tls: ConnectionOptions,
  { connectTimeoutMs, socketPath }: TlsConnectorOptions,
): buildConnector.connector {
  const { servername = '', ...settings } = tls
  const connect = buildConnector({
    ...settings,
    allowH2: false,
    timeout: connectTimeoutMs,
    ...(socketPath !== undefined && { socketPath }),
  })
  return (target, callback) => {
    // undici would make a name of the host where there is none to be sent.
    connect({ ...target, servername, host: '' }, (...[error, socket]) => {
      if (error) callback(error, null)
      else callback(null, watched(socket))
    })
  }
}

function watched<S extends Socket>(socket: S): S {
  socket.on('error', (error) => {
    if (socket.bytesRead === 0) unanswered.add(error)
    // In TLS 1.3 an environment refuses a certificate only after the handshake. Node.js tells of it before the end of the
    // connection, and undici would take the end for the reason.
    socket.destroy(error)
  })
  return socket
}
