import type { Duplex } from 'node:stream'
import { ReadyTimeoutError, type UpstreamConnectError } from '../errors.js'
import { clientSide } from '../forwarding/messages.js'
import type { Lease } from '../instance/lease.js'
import type { AcquireOptions, EnvironmentManager } from '../manager/manager.js'
import type { FrontResponse } from '../forwarding/messages.js'

/** The reason of a wait that its client has given up. */
const clientLeft = Symbol('the client left')

/**
 * Gets a lease for a client, starting the environment where needed; `undefined` where the client leaves meanwhile.
 *
 * @param left - Aborted where it is not to wait any longer, with the error to answer with.
 * @throws whatever {@link EnvironmentManager.acquire} throws
 */
export async function acquireFor(
  client: FrontResponse | Duplex,
  manager: EnvironmentManager,
  id: string,
  options: Omit<AcquireOptions, 'signal'>,
  left = new AbortController(),
): Promise<Lease | undefined> {
  if (client.destroyed) return undefined
  const leave = (): void => left.abort(clientLeft)
  const side = clientSide(client)
  side.once('close', leave)
  // No response to an ordinary request is readable: this is the socket of an upgrade, whose client has closed its side.
  client.once('end', leave)
  if ((client as Partial<Duplex>).readableEnded) leave()
  try {
    const lease = await manager.acquire(id, { ...options, signal: left.signal })
    if (!left.signal.aborted) return lease
    lease.release()
    if (left.signal.reason !== clientLeft) throw left.signal.reason
    return undefined
  } catch (error) {
    if (left.signal.reason === clientLeft) return undefined
    throw error
  } finally {
    side.off('close', leave)
    client.off('end', leave)
  }
}

/** How long a client waits for an environment that runs and can't be connected to. */
const comeBackMs = 5_000

/**
 * The same once an environment could not be connected to: one that is started anew is waited for, and one that is not there and does
 * not come back soon is what it was before.
 *
 * @throws `refused` for the latter
 */
export async function acquireAgain(
  client: FrontResponse | Duplex,
  manager: EnvironmentManager,
  id: string,
  options: Omit<AcquireOptions, 'signal'>,
  refused: UpstreamConnectError,
  patienceMs = comeBackMs,
  left = new AbortController(),
): Promise<Lease | undefined> {
  const timer = setTimeout(() => {
    if (manager.get(id)?.state === 'unready') left.abort(refused)
  }, patienceMs)
  try {
    return await acquireFor(client, manager, id, options, left)
  } catch (error) {
    // That it was not ready in time would be 504, as if it had been asked.
    throw error instanceof ReadyTimeoutError ? refused : error
  } finally {
    clearTimeout(timer)
  }
}
