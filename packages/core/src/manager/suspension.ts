import type { Session } from '../coordination/coordinator.js'
import type { AlcoveError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Supervisor } from '../instance/supervisor.js'
import { asAlcoveError, published, sessionLost } from './opening.js'

/** What a suspension needs of its manager. */
export interface SuspensionContext {
  readonly supervisor: Supervisor
  session(): Promise<Session>
  /** Others use it: this gateway lets go of it. */
  leave(instance: Instance): void
  /** Says why it could not be frozen. */
  problem(error: AlcoveError): void
}

/**
 * Freezes an instance that is idle, once this gateway is its last user; resolves when its state is `suspended`, or `ready` again, or when
 * it is gone. Never rejects.
 */
export async function suspend(instance: Instance, context: SuspensionContext): Promise<void> {
  const { id, generation, clock } = instance
  const { supervisor } = context
  const idleForMs = Math.round(clock.nowMs() - (instance.idleSinceMs ?? clock.nowMs()))
  const reason = `idle for ${idleForMs} ms`
  instance.become('suspending', reason)
  try {
    const session = await context.session()
    if (session.lost.aborted) throw sessionLost(id)
    const claim = await session.leave(id, generation, 'suspend')
    if (!claim) {
      if (supervisor.endedMeanwhile(instance)) return
      runsOn(instance, 'another gateway uses it')
      context.leave(instance)
      return
    }
    let isSuspended = false
    try {
      await instance.spawner.suspend(instance.namedBy)
      isSuspended = true
    } finally {
      // So this gateway is its user again.
      if (!instance.gone.aborted) await claim.publish(published(instance, isSuspended))
      await claim.end()
    }
    if (!supervisor.endedMeanwhile(instance)) instance.become('suspended', reason)
  } catch (error) {
    // Some of it may be frozen, or all.
    await instance.spawner.resume(instance.namedBy).catch(() => {})
    if (supervisor.endedMeanwhile(instance)) return
    runsOn(instance, 'could not be suspended')
    context.problem(asAlcoveError(error, id))
  }
}

function runsOn(instance: Instance, reason: string): void {
  const { clock, plan } = instance
  // Not again at once.
  instance.suspendFromMs = clock.nowMs() + plan.policy.suspendAfterMs
  instance.become('ready', reason)
}
