import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.js'
import { quote } from '../errors.js'
import { unlessAborted } from '../abort.js'
import { NotReadyError, ProbeTimeoutError } from './attempt.js'

/** How long is waited, and for whom. */
export interface ReadyWait {
  readonly timeoutMs: number
  readonly clock: Clock
  /** Aborts when waiting makes no sense any more: the instance is gone, nobody wants it. Its reason is thrown at once. */
  readonly signal: AbortSignal
  /**
   * Makes the error for a target that was not ready in time.
   *
   * @param detail - What was seen of it, to be put after the sentence: ` (last attempt: answered 503)`, or empty.
   * @param timeoutMs - Which time is over: that of the wait, or a probe's own shorter one.
   */
  timedOut(detail: string, timeoutMs: number): Error
}

/**
 * Waits for a look at an instance (its endpoint, then its probe) to find it ready.
 *
 * The signal that `look` gets aborts at the timeout and with `wait.signal`; a look that ignores it is not waited for.
 *
 * @throws the signal's reason, what `timedOut` makes, or what `look` throws before that.
 */
export async function waitUntilReady(
  look: (signal: AbortSignal) => Promise<void>,
  wait: ReadyWait,
): Promise<void> {
  const { signal: outer, timeoutMs } = wait
  outer.throwIfAborted()
  const controller = new AbortController()
  const { signal } = controller
  const abort = (): void => controller.abort(outer.reason)
  outer.addEventListener('abort', abort, { once: true })
  const timer = wait.clock.setTimer(timeoutMs, () =>
    controller.abort(new DOMException(`Not ready within ${timeoutMs} ms`, 'TimeoutError')),
  )
  // `async` also turns a synchronous throw into a rejection.
  const looking = (async () => look(signal))()
  try {
    await unlessAborted(looking, signal)
  } catch (error) {
    outer.throwIfAborted()
    if (signal.aborted) throw wait.timedOut(await lastSeen(looking, signal), timeoutMs)
    if (error instanceof ProbeTimeoutError)
      throw wait.timedOut(inBrackets(error.seen), error.timeoutMs)
    throw error
  } finally {
    timer.cancel()
    outer.removeEventListener('abort', abort)
  }
}

/** What an aborted look says in its rejection; one that does not reject in this turn has nothing to say. */
async function lastSeen(looking: Promise<void>, signal: AbortSignal): Promise<string> {
  const answer = looking.then(
    () => '',
    (error: unknown) => {
      if (error instanceof NotReadyError) return inBrackets(error.seen)
      if (error === signal.reason || !(error instanceof Error) || error.name === 'AbortError')
        return ''
      // A probe of the host's own may have put an instance's text in its message.
      return inBrackets(quote(error.message).slice(1, -1))
    },
  )
  return Promise.race([answer, nextTurn('')])
}

function inBrackets(seen: string): string {
  return seen === '' ? '' : ` (${seen})`
}
