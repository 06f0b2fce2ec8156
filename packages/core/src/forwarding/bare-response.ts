import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** How long a client may take to close after its last answer. */
const lingerMs = 5000

/** A response on the bare socket of an upgrade, which ends with it. @returns `undefined` where an earlier one still has the socket */
export function bareResponse(request: IncomingMessage, socket: Duplex): ServerResponse | undefined {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  try {
    // It wants no more of a socket than any Duplex has.
    response.assignSocket(socket as Socket)
  } catch {
    return undefined
  }
  response.once('finish', () => {
    release(response)
    lingering(socket)
    // As the server does that has let go of it: some wait for the close of a response, not for its end.
    process.nextTick(() => response.emit('close'))
  })
  return response
}

/** Takes the socket from a response that is not used. */
export function release(response: ServerResponse): void {
  if (response.socket) response.detachSocket(response.socket)
}

/** Ends a connection whose client may not have read all of its answer (RFC 9112 §9.6). */
function lingering(socket: Duplex): void {
  socket.end()
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
}
