import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../clock.js'
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

/** What ends a stop: `now`, or once its turn has come. */
export type ReadOn = (when: 'now' | 'later') => void

/** How long a connection may be left unread. */
export interface StopLimit {
  readonly clock: Clock
  readonly ms: number
}

/**
 * Reads nothing more from the connection of a request, so that TCP slows its client down. Nobody is told meanwhile that it has left.
 *
 * @param later - Calls back when it may be read on.
 * @param limit - From when it was stopped on, by whichever of its requests: that the client has left is to be noticed some time.
 */
export function stopReading(
  request: FrontRequest,
  later: (readOn: () => void) => void,
  limit?: StopLimit,
): ReadOn {
  const { socket } = request as IncomingMessage
  const stop = stops.get(socket) ?? stopOf(socket)
  stop.timer ??= limit?.clock.setTimer(limit.ms, stop.end)
  stop.waiting += 1
  const end = (): void => {
    if (stops.get(socket) === stop) stop.end()
  }
  return (when) => {
    stop.waiting -= 1
    if (when === 'now') end()
    else if (stop.waiting === 0) {
      later(() => {
        if (stop.waiting === 0) end()
      })
    }
  }
}

/** A connection that is not read. */
interface Stop {
  /** How many of its requests wait. */
  waiting: number
  /** Ends it some time. */
  timer: Timer | undefined
  readonly end: () => void
}

const stops = new WeakMap<Socket, Stop>()

function stopOf(socket: Socket): Stop {
  // Node.js reads on after each request that it finds in what has come, and after each answer.
  const pauseAgain = (): void => void socket.pause()
  const end = (): void => {
    stop.timer?.cancel()
    stops.delete(socket)
    socket.off('resume', pauseAgain)
    if (!socket.destroyed) socket.resume()
  }
  const stop: Stop = { waiting: 0, timer: undefined, end }
  stops.set(socket, stop)
  socket.on('resume', pauseAgain)
  // Not before all requests are found that have come.
  process.nextTick(() => void (stops.get(socket) === stop && socket.pause()))
  return stop
}
