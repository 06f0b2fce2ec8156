import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { type FrontRequest, type FrontResponse, clientSide, isHttp2Response } from './messages.js'

/** Whoever answers a client and has to know how the client does. */
export interface Answerer {
  /** The client has its answer, or has gone away. */
  closed(): void
  /** The client takes more. */
  drained(): void
}

/** Whoever has to know that the client has gone. */
export type Gone = Pick<Answerer, 'closed'>

interface Watched {
  /** `undefined` where nobody has listened yet, `null` where nobody is to be told: listeners stay, for one answers after the other. */
  [kAnswerer]?: (Gone & Partial<Answerer>) | null
}
const kAnswerer = Symbol('answerer')

// Listeners without closures: there is one of each for all requests.
function onClose(this: Watched): void {
  this[kAnswerer]?.closed()
}

function onDrain(this: Watched): void {
  this[kAnswerer]?.drained?.()
}

// On Node.js 22, a response that waits behind others on its connection (pipelining) is not told when that goes. One listener for
// all of them.
const waiting = new WeakMap<Duplex, Set<Gone>>()

/** Tells `answerer` when the client's side is over. */
export function watchClient(
  request: FrontRequest,
  response: FrontResponse,
  answerer: Answerer,
): void {
  watchEnd(response, answerer)
  ;(response as Watched)[kAnswerer] = answerer
  if (response.socket === null) watchWaiting(request.socket, answerer)
}

/** Tells `gone` when the client's side is over, in the place of whom it was told before. */
export function watchEnd(response: FrontResponse, gone: Gone): void {
  const side: EventEmitter & Watched = clientSide(response)
  if (side[kAnswerer] === undefined) side.on('close', onClose)
  side[kAnswerer] = gone
}

/** Ends that. */
export function unwatchEnd(response: FrontResponse): void {
  ;(clientSide(response) as Watched)[kAnswerer] = null
}

/** Tells `answerer` when a response that was full takes more. */
export function watchDrain(response: FrontResponse): void {
  response.on('drain', onDrain)
  // It is the server that tells a response so, and it has let go of the socket of an upgrade.
  const { socket } = response
  if (isHttp2Response(response) || !socket || socket.listenerCount('drain') > 0) return
  const drained = (): void => {
    response.emit('drain')
  }
  socket.on('drain', drained)
  response.once('close', () => socket.off('drain', drained))
}

/** Ends all that was watched. */
export function unwatchClient(
  request: FrontRequest,
  response: FrontResponse,
  answerer: Answerer,
): void {
  ;(response as Watched)[kAnswerer] = null
  unwatchEnd(response)
  response.off('drain', onDrain)
  unwatchWaiting(request.socket, answerer)
}

/** Tells `waiter` when a connection is gone, on which it waits for its turn. */
export function watchWaiting(socket: Duplex, waiter: Gone): void {
  let answerers = waiting.get(socket)
  if (!answerers) {
    const all = new Set<Gone>()
    answerers = all
    waiting.set(socket, all)
    socket.once('close', () => {
      for (const each of all) each.closed()
    })
  }
  answerers.add(waiter)
}

/** Ends that. */
export function unwatchWaiting(socket: Duplex, waiter: Gone): void {
  waiting.get(socket)?.delete(waiter)
}
