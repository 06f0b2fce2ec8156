import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import type { Place } from '../admission/place.js'
import type { Clock } from '../clock.js'
import { isUploading, mayFollow } from '../forwarding/body.js'
import {
  type FrontRequest,
  type FrontResponse,
  clientSide,
  destroyResponse,
  hasBody,
  isHttp2Request,
} from '../forwarding/messages.js'
import type { Lease } from '../instance/lease.js'
import type { LimitError } from '../limit-errors.js'

/** As much of a body as Node.js takes in before anybody reads it: https://nodejs.org/api/stream.html#streamgetdefaulthighwatermarkobjectmode */
const unreadBodyBytes = 64 * 1024

/** Has clients wait where admission says so, for as long as they stay. */
export class Entrance {
  constructor(
    private readonly admission: Admission,
    private readonly clock: Clock,
  ) {}

  /**
   * A place for a request that holds a lease. `undefined`: its client has left, or the lease was taken back while it waited.
   *
   * @throws a LimitError where it is turned away
   */
  enter(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    line: Line,
    lease: Lease,
  ): Place | Promise<Place | undefined> {
    // Only the response to an upgrade is its socket.
    if (!('req' in client)) return this.admission.enterTunnel(line)
    // What a small body consists of is mostly here a moment after its head, and then it is no upload.
    if (mayFollow(request)) {
      return Promise.resolve().then(() => this.#enter(request, client, line, lease))
    }
    return this.#enter(request, client, line, lease)
  }

  #enter(
    request: FrontRequest,
    client: FrontResponse,
    line: Line,
    lease: Lease,
  ): Place | Promise<Place | undefined> {
    const streams = isUploading(request)
    return this.admission.enter(line, streams) ?? this.#queue(request, client, line, streams, lease)
  }

  #queue(
    request: FrontRequest,
    client: FrontResponse,
    line: Line,
    streams: boolean,
    lease: Lease,
  ): Promise<Place | undefined> {
    const waiter = this.admission.queue(line, streams, heldBytes(request))
    const leave = (): void => waiter.leave()
    const side = clientSide(client)
    const readOn = stopReading(request, client)
    side.once('close', leave)
    lease.onRevoke(leave)
    const end = (): void => {
      side.off('close', leave)
      readOn?.()
    }
    if (waiter.list) waiter.onEnd = end
    else end()
    if (!streams) return waiter.place
    return waiter.place.then((place) => {
      // All of it has come meanwhile.
      if (!isUploading(request)) place?.uploaded()
      return place
    })
  }

  /**
   * Holds a refusal back where its environment's clients get many.
   *
   * @returns whether it is still to be answered: its client may leave, or be sent away
   */
  async holdBack(
    request: FrontRequest,
    client: FrontResponse | Duplex,
    line: Line,
    error: LimitError,
  ): Promise<boolean> {
    const delayMs = this.admission.refused(line, error)
    if (delayMs === 0) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const drop = (): void => {
      if ('req' in client) destroyResponse(request, client)
      else client.destroy()
      resolve(false)
    }
    const leave = (): void => resolve(false)
    const side = clientSide(client)
    const timer = this.clock.setTimer(delayMs, () => resolve(true))
    const readOn = stopReading(request, client)
    side.once('close', leave)
    try {
      const held = this.admission.holdBack(line, heldBytes(request), drop)
      void promise.finally(() => held.release())
    } catch {
      // Not even a place to be refused at: what costs least.
      drop()
    }
    try {
      return await promise
    } finally {
      timer.cancel()
      side.off('close', leave)
      readOn?.()
    }
  }
}

/** What a request keeps in memory while it waits, at the most. */
export function heldBytes(request: FrontRequest): number {
  const { rawHeaders, url = '' } = request
  let bytes = url.length
  for (const text of rawHeaders) bytes += text.length
  if (!hasBody(request)) return bytes
  const length = Number(request.headers['content-length'] ?? unreadBodyBytes)
  return bytes + Math.min(length, unreadBodyBytes)
}

/**
 * Reads nothing more from a connection on which requests come without waiting for their answers (pipelining), while one of them
 * waits; so TCP slows its client down. One that waits for its answer is read on: nothing else would tell that it has left.
 *
 * @returns what ends that, where it does
 */
function stopReading(
  request: FrontRequest,
  client: FrontResponse | Duplex,
): (() => void) | undefined {
  const isFirst = !('req' in client) || isHttp2Request(request) || client.socket !== null
  if (isFirst) return undefined
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
