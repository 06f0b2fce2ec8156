import { channel } from 'node:diagnostics_channel'
import { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { unsentBytes } from './messages.js'

// https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
const bodyChunks = channel('undici:request:bodyChunkReceived')

/**
 * Whether the system has taken all of an answer that was just ended with Node.js's own functions, so that nobody keeps what its body
 * was read into. A host may have put functions in the place of Node.js's for all responses or for this connection, may listen to what
 * undici reads, or its client may be at the end of another stream than a socket: those may keep what they say is done.
 */
export function isTaken(response: ServerResponse): boolean {
  const { socket } = response
  return (
    unsentBytes(response) === 0 &&
    socket instanceof Socket &&
    socket.write === Socket.prototype.write &&
    !Object.hasOwn(ServerResponse.prototype, 'end') &&
    !Object.hasOwn(ServerResponse.prototype, 'write') &&
    !bodyChunks.hasSubscribers
  )
}
