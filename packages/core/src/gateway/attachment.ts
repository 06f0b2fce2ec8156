import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { bareResponse } from '../forwarding/bare-response.js'
import { EarlyBytes } from '../forwarding/early-bytes.js'

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
  /** Takes one that the server has nobody to ask about. */
  take(request: IncomingMessage, response: ServerResponse): void
}

/** The connection of a request that offers an upgrade which a gateway wants. */
export interface Upgrade {
  readonly socket: Duplex
  /** Reads it until there is a tunnel. */
  readonly early: EarlyBytes
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
const upgrades = new WeakMap<object, Upgrade>()

/** The upgrade that a request offers, where a gateway wants it. */
export function upgradeOf(request: object): Upgrade | undefined {
  return upgrades.get(request)
}

/**
 * Offers a server's upgrades to a gateway; returns the function that ends that. Listeners of the host stay untouched: what no
 * gateway wants is theirs, and where there is none, it is the request that it would have been without any listener.
 *
 * What a gateway wants comes to it as a request as well, through whatever the host has put before it: somebody's signing in must hold
 * for WebSockets too.
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
  const takerOf = (request: IncomingMessage): UpgradeTaker | undefined =>
    [...takers].find((taker) => taker.wants(request))
  const listener: UpgradeListener = (request, socket, head) => {
    const taker = takerOf(request)
    if (taker || server.listenerCount('upgrade') === 1) {
      answerAsRequest(server, request, socket, head, taker)
    }
  }
  const unasked = askFirst(
    server,
    (request) => server.listenerCount('upgrade') > 1 || takerOf(request) !== undefined,
  )
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
 * Makes a request of an upgrade: an offer that a server may ignore (RFC 9110 §7.8). The connection ends with any answer but a tunnel,
 * since Node.js has let go of it.
 */
function answerAsRequest(
  server: UpgradableServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  taker: UpgradeTaker | undefined,
): void {
  socket.on('error', () => {})
  const response = bareResponse(request, socket)
  if (!response) {
    // Asked for before the answers to earlier requests were out, on a connection that nobody watches any more: nothing that could be
    // said now would be in its place (RFC 9112 §9.3.2).
    socket.destroy()
    return
  }
  // Whoever closes a side waits for no answer; nobody else would notice.
  socket.once('end', () => {
    if (!response.writableEnded && response.socket) socket.destroy()
  })
  if (taker) upgrades.set(request, { socket, early: new EarlyBytes(socket, head) })
  else if (request.readableLength === 0) socket.resume()
  if (!server.emit('request', request, response)) taker?.take(request, response)
}
