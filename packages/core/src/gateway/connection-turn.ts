import type { ServerResponse } from 'node:http'
import type { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import type { Clock } from '../clock.js'
import { isUploading } from '../forwarding/body.js'
import { unwatchWaiting, watchWaiting } from '../forwarding/client-side.js'
import { type FrontRequest, destroyResponse } from '../forwarding/messages.js'
import { heldBytes, type ReadOn, stopReading } from './held-client.js'
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
 * more is read from the connection meanwhile, for as long as a request may stand in line.
 *
 * @returns what ends the wait; `undefined` where `leave` has been called already
 */
export function waitForConnection(
  admission: Admission,
  clock: Clock,
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
  let readOn: ReadOn | undefined = stopReading(request, (then) => admission.readLater(line, then), {
    clock,
    ms: line.limits.queueTimeoutMs,
  })
  const endReading = (when: 'now' | 'later'): void => {
    readOn?.(when)
    readOn = undefined
  }
  const goOn = (): void => {
    // Its body is what has to be read next.
    if (isUploading(request)) endReading('now')
    wait.goOn()
  }
  const waiter = { closed: () => wait.leave() }
  watchWaiting(request.socket, waiter)
  response.on('socket', goOn)
  return () => {
    response.off('socket', goOn)
    unwatchWaiting(request.socket, waiter)
    held.release()
    endReading('later')
  }
}
