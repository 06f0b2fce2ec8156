import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import {
  type FrontRequest,
  type FrontResponse,
  hasBody,
  isHttp2Request,
} from '../forwarding/messages.js'

/** As much of a body as Node.js takes in before anybody reads it: https://nodejs.org/api/stream.html#streamgetdefaulthighwatermarkobjectmode */
const unreadBodyBytes = 64 * 1024

/** What a request keeps in memory while it waits, at the most. */
export function heldBytes(request: FrontRequest): number {
  const { rawHeaders, url = '' } = request
  let bytes = url.length
  for (const text of rawHeaders) bytes += text.length
  if (!hasBody(request)) return bytes
  const length = Number(request.headers['content-length'] ?? unreadBodyBytes)
  return bytes + Math.min(length, unreadBodyBytes)
}

/** Whether a request was sent before the answer to an earlier one on its connection was out (pipelining). */
export function isBehind(request: FrontRequest, response: FrontResponse): boolean {
  return !isHttp2Request(request) && response.socket === null
}

/**
 * Reads nothing more from the connection of a request, so that TCP slows its client down. Not for the one whose answer is next: nothing
 * else would tell that its client has left.
 *
 * @returns what ends that
 */
export function stopReading(request: FrontRequest): () => void {
  const { socket } = request as IncomingMessage
  const before = stopped.get(socket) ?? 0
  stopped.set(socket, before + 1)
  // Node.js reads on after each request that it finds in what has come, so not before it has found all of them.
  if (before === 0) process.nextTick(() => void (stopped.has(socket) && socket.pause()))
  return () => {
    const left = (stopped.get(socket) ?? 1) - 1
    if (left > 0) {
      stopped.set(socket, left)
    } else {
      stopped.delete(socket)
      if (!socket.destroyed) socket.resume()
    }
  }
}

/** How many requests of a connection that is not read wait. */
const stopped = new WeakMap<Socket, number>()
