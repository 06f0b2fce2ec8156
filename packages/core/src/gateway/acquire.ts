import type { Duplex } from 'node:stream'
import type { Lease } from '../instance/lease.js'
import type { AcquireOptions, EnvironmentManager } from '../manager/manager.js'
import type { GatewayResponse } from './messages.js'

/** The reason of a wait that its client has given up. */
const clientLeft = Symbol('the client left')

/**
 * Gets a lease for a client, starting the environment where needed; `undefined` where the client leaves meanwhile.
 *
 * @throws whatever {@link EnvironmentManager.acquire} throws
 */
export async function acquireFor(
  client: GatewayResponse | Duplex,
  manager: EnvironmentManager,
  id: string,
  options: Omit<AcquireOptions, 'signal'>,
): Promise<Lease | undefined> {
  if (client.destroyed) return undefined
  const left = new AbortController()
  const leave = (): void => left.abort(clientLeft)
  client.once('close', leave)
  // No response to an ordinary request is readable: this is the socket of an upgrade, whose client has closed its side.
  client.once('end', leave)
  if ((client as Partial<Duplex>).readableEnded) leave()
  try {
    const lease = await manager.acquire(id, { ...options, signal: left.signal })
    if (!left.signal.aborted) return lease
    lease.release()
    return undefined
  } catch (error) {
    if (left.signal.aborted) return undefined
    throw error
  } finally {
    client.off('close', leave).off('end', leave)
  }
}
