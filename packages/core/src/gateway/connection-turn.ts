import type { ServerResponse } from 'node:http'
import type { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import { type FrontRequest, destroyResponse } from '../forwarding/messages.js'
import { heldBytes, stopReading } from './held-client.js'
import { holdOrTurnAway } from './hold-back.js'

/** Whoever waits for its connection; told once, unless it ends the wait before. */
export interface ConnectionWait {
  /** The answers to all earlier requests are out. */
  goOn(): void
  /** Its client has left, or was sent away. */
  leave(): void
}

/**
 * Waits until the answers to earlier requests on the same connection are out: no other may come before them (RFC 9112 §9.3.2). Nothing
 * more is read from the connection meanwhile.
 *
 * @returns what ends the wait; `undefined` where `leave` has been called already
 */
export function waitForConnection(
  admission: Admission,
  line: Line,
  request: FrontRequest,
  response: ServerResponse,
  wait: ConnectionWait,
): (() => void) | undefined {
  if (request.socket.destroyed) {
    wait.leave()
    return undefined
  }
  const sendAway = (): void => {
    destroyResponse(request, response)
    wait.leave()
  }
  const held = holdOrTurnAway(admission, line, heldBytes(request), sendAway)
  if (!held) return undefined
  const readOn = stopReading(request, (then) => admission.readLater(line, then))
  const goOn = (): void => wait.goOn()
  const leave = (): void => {
    if (request.socket.destroyed) wait.leave()
  }
  response.on('socket', goOn)
  // On Node.js 22, a response is not told that its connection is gone before its turn; the request is.
  request.on('close', leave)
  return () => {
    response.off('socket', goOn)
    request.off('close', leave)
    held.release()
    readOn()
  }
}
