import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A server of `node:http`, `node:https` or `node:http2` (with `allowHTTP1`), as far as upgrades go. */
export interface UpgradableServer {
  on(event: 'upgrade', listener: UpgradeListener): unknown
  off(event: 'upgrade', listener: UpgradeListener): unknown
  listenerCount(event: 'upgrade'): number
  emit(event: 'request', request: IncomingMessage, response: ServerResponse): boolean
}

/** Who may want the upgrades of a server. */
export interface UpgradeTaker {
  /** Whether it would take this one. */
  wants(request: IncomingMessage): boolean
  /** Takes it. Returns whether it has. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

// Node.js has it from 22.21 and 24.9 on: https://nodejs.org/api/http.html#httpcreateserveroptions-requestlistener
interface Asked {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean
}

interface Attachment {
  readonly takers: Set<UpgradeTaker>
  readonly detach: () => void
}

// One listener for all gateways of a server: with two, each would take the other for the host's own.
const attachments = new WeakMap<UpgradableServer, Attachment>()

/**
 * Offers a server's upgrades to a gateway; returns the function that ends that. Listeners of the host stay untouched: what no
 * gateway takes is theirs, and where there is none, it is the request that it would have been without any listener.
 */
export function attachUpgrades(server: UpgradableServer, taker: UpgradeTaker): () => void {
  const attachment = attachments.get(server) ?? listenTo(server)
  attachment.takers.add(taker)
  return () => {
    attachment.takers.delete(taker)
    if (attachment.takers.size > 0 || attachments.get(server) !== attachment) return
    attachments.delete(server)
    attachment.detach()
  }
}

function listenTo(server: UpgradableServer): Attachment {
  const takers = new Set<UpgradeTaker>()
  const listener: UpgradeListener = (request, socket, head) => {
    for (const taker of takers) {
      if (taker.take(request, socket, head)) return
    }
    if (server.listenerCount('upgrade') === 1) answerAsRequest(server, request, socket)
  }
  const unasked = askFirst(server, (request) => {
    if (server.listenerCount('upgrade') > 1) return true
    for (const taker of takers) {
      if (taker.wants(request)) return true
    }
    return false
  })
  server.on('upgrade', listener)
  const detach = (): void => {
    server.off('upgrade', listener)
    unasked()
  }
  const attachment = { takers, detach }
  attachments.set(server, attachment)
  return attachment
}

/** Has Node.js ask before it lets go of a connection: what nobody wants stays a request like any other, body and all. */
function askFirst(
  server: UpgradableServer & Asked,
  isWanted: (request: IncomingMessage) => boolean,
): () => void {
  const before = server.shouldUpgradeCallback
  if (!before) return () => {}
  const asked = (request: IncomingMessage): boolean =>
    before.call(server, request) && isWanted(request)
  server.shouldUpgradeCallback = asked
  return () => {
    if (server.shouldUpgradeCallback === asked) server.shouldUpgradeCallback = before
  }
}

/**
 * Makes an ordinary request of an upgrade that nobody wants: an offer that the server may ignore (RFC 9110 §7.8). Its
 * connection ends with the answer, since Node.js has let go of it.
 */
function answerAsRequest(server: UpgradableServer, request: IncomingMessage, socket: Duplex): void {
  const response = responseOn(request, socket)
  // Nobody else reads it any more, and so would see the client leave.
  const leave = (): void => {
    if (!response.writableFinished) socket.destroy()
  }
  if (request.readableLength === 0) socket.once('end', leave).resume()
  server.emit('request', request, response)
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
    // As the server does that has let go of it: some wait for the close of a response, not for its end.
    process.nextTick(() => response.emit('close'))
  })
  return response
}
