import type { Duplex } from 'node:stream'
import type { Admission } from '../admission/admission.js'
import type { Held } from '../admission/held.js'
import type { Line } from '../admission/line.js'
import type { Clock } from '../clock.js'
import {
  type FrontRequest,
  type FrontResponse,
  clientSide,
  destroyResponse,
} from '../forwarding/messages.js'
import type { LimitError } from '../limit-errors.js'
import { heldBytes, isBehind, stopReading } from './held-client.js'

/** By what refusals are held back. */
export interface HoldBackHost {
  readonly admission: Admission
  readonly manager: { readonly clock: Clock }
}

/**
 * Holds a refusal back where its environment's clients get many.
 *
 * @returns whether it is still to be answered: its client may leave, or be sent away
 */
export function holdBack(
  { admission, manager }: HoldBackHost,
  request: FrontRequest,
  client: FrontResponse | Duplex,
  line: Line,
  error: LimitError,
): Promise<boolean> {
  const delayMs = admission.refused(line, error)
  if (delayMs === 0) return Promise.resolve(true)
  // It may have left before anybody watched.
  if (client.destroyed || request.socket.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const side = clientSide(client)
    const readOn =
      'req' in client && isBehind(request, client)
        ? stopReading(request, (then) => admission.readLater(line, then))
        : undefined
    const kept: { held?: Held | undefined } = {}
    const end = (isAnswered: boolean): void => {
      timer.cancel()
      kept.held?.release()
      side.off('close', leave)
      readOn?.('later')
      resolve(isAnswered)
    }
    const leave = (): void => end(false)
    const timer = manager.clock.setTimer(delayMs, () => end(true))
    side.on('close', leave)
    kept.held = holdOrTurnAway(admission, line, heldBytes(request), () => {
      end(false)
      if ('req' in client) destroyResponse(request, client)
      else client.destroy()
    })
  })
}

/**
 * Keeps a request that waits without a place in line. Where there is no room even for that, its client is sent away, without an answer:
 * what costs least.
 */
export function holdOrTurnAway(
  admission: Admission,
  line: Line,
  bytes: number,
  turnAway: () => void,
): Held | undefined {
  try {
    return admission.hold(line, bytes, { turnAway })
  } catch {
    turnAway()
    return undefined
  }
}
