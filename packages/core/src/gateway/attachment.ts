import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A server of `node:http`, `node:https` or `node:http2` (with `allowHTTP1`), as far as upgrades go. */
export interface UpgradableServer {
  on(event: 'upgrade', listener: UpgradeListener): unknown
  off(event: 'upgrade', listener: UpgradeListener): unknown
  listenerCount(event: 'upgrade'): number
  emit(event: 'request', request: IncomingMessage, response: ServerResponse): boolean
}

/** Called for each upgrade. Returns whether it has taken the request. */
export type UpgradeTaker = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

interface Attachment {
  readonly takers: Set<UpgradeTaker>
  readonly listener: UpgradeListener
}

// One listener for all gateways of a server: with two, each would take the other for the host's own.
const attachments = new WeakMap<UpgradableServer, Attachment>()

/**
 * Offers a server's upgrades to a gateway; returns the function that ends that. Listeners of the host stay untouched: what no
 * gateway takes is theirs, and where there is none, it is the request that it would have been without any listener.
 */
export function attachUpgrades(server: UpgradableServer, taker: UpgradeTaker): () => void {
  const { takers, listener } = attachments.get(server) ?? listenTo(server)
  takers.add(taker)
  return () => {
    takers.delete(taker)
    if (takers.size > 0 || attachments.get(server)?.listener !== listener) return
    server.off('upgrade', listener)
    attachments.delete(server)
  }
}

function listenTo(server: UpgradableServer): Attachment {
  const takers = new Set<UpgradeTaker>()
  const listener: UpgradeListener = (request, socket, head) => {
    for (const taker of takers) {
      if (taker(request, socket, head)) return
    }
    if (server.listenerCount('upgrade') === 1) answerAsRequest(server, request, socket)
  }
  const attachment = { takers, listener }
  attachments.set(server, attachment)
  server.on('upgrade', listener)
  return attachment
}

/**
 * Makes an ordinary request of an upgrade that nobody wants: an offer that the server may ignore (RFC 9110 §7.8). Its
 * connection ends with the answer, since Node.js has let go of it.
 */
export function answerAsRequest(
  server: Pick<UpgradableServer, 'emit'>,
  request: IncomingMessage,
  socket: Duplex,
): void {
  server.emit('request', request, responseOn(request, socket))
}

/** A response on the bare socket of an upgrade. */
export function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  socket.on('error', () => {})
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  // Node.js types it as a net.Socket, and asks no more of it than a Duplex has.
  response.assignSocket(socket as never)
  response.once('finish', () => {
    response.detachSocket(socket as never)
    socket.end()
  })
  return response
}
