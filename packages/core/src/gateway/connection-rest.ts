import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import { Resting } from '../admission/rests.js'
import { type FrontRequest, type FrontResponse, isHttp2Response } from '../forwarding/messages.js'

/** A server that closes idle connections sooner than this might close one that has not been read. */
const leastKeepAliveMs = 1_000

/** What Node.js knows of a connection, documented or not. */
interface Served {
  readonly server?: Partial<Server>
  readonly parser?: unknown
  readonly _httpMessage?: unknown
}

/** What is known of a connection that has rested. */
interface Known {
  readonly resting: Resting
  /** For which environment it asked before. */
  readonly id: string
  /** It asks for several: a proxy's, whose next request may be anybody's. */
  isShared: boolean
}

const known = new WeakMap<Socket, Known>()

/**
 * Leaves a connection unread for a moment once its client has an answer, where the environment that it asked has enough to do: TCP
 * holds back what it asks for next.
 */
export function restConnection(
  admission: Admission,
  line: Line,
  request: FrontRequest,
  response: FrontResponse,
): void {
  if (isHttp2Response(response)) return
  const { socket } = request as IncomingMessage
  const before = known.get(socket)
  if (before && before.id !== line.id) before.isShared = true
  if (!admission.mayRest(line) || !mayComeAgain(request as IncomingMessage, response)) return
  const its = before ?? knowledgeOf(socket, line)
  if (its.isShared || its.resting.list) return
  admission.rest(line, its.resting)
  socket.pause()
}

function knowledgeOf(socket: Socket, { id }: Line): Known {
  const resting = new Resting(() => {
    if (!socket.destroyed) socket.resume()
  })
  const its: Known = { resting, id, isShared: false }
  known.set(socket, its)
  return its
}

function mayComeAgain({ socket, complete }: IncomingMessage, response: ServerResponse): boolean {
  if (!complete || !response.writableFinished || !response.shouldKeepAlive) return false
  const { server, parser, _httpMessage } = socket as Served
  // Another request of this connection is answered, or it is a tunnel by now: somebody else's to read.
  if (!parser || _httpMessage) return false
  const { keepAliveTimeout = 0 } = server ?? {}
  return !socket.destroyed && (keepAliveTimeout === 0 || keepAliveTimeout >= leastKeepAliveMs)
}
