import type { Limits, Session } from '../coordination/coordinator.js'
import type { AlcoveError } from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Supervisor } from '../instance/supervisor.js'
import { asAlcoveError, published, sessionLost } from './opening.js'

/** What a suspension needs of its manager. */
export interface SuspensionContext {
  readonly supervisor: Supervisor
  readonly limits: Limits
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
      // A user again, for those who may have come.
      const { plan, gone } = instance
      const entry = await session.enter(id, plan.owner, context.limits, gone)
      if (entry.is === 'claimed') await entry.claim.end()
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
    const isThawed = await instance.spawner.resume(instance.namedBy).then(
      () => true,
      () => false,
    )
    if (supervisor.endedMeanwhile(instance)) return
    runsOn(instance, 'could not be suspended')
    if (!isThawed) supervisor.recheck(instance, 'resumed', 'may be suspended in part')
    context.problem(asAlcoveError(error, id))
  }
}

function runsOn(instance: Instance, reason: string): void {
  const { clock, plan } = instance
  // Not again at once.
  instance.suspendFromMs = clock.nowMs() + plan.policy.suspendAfterMs
  instance.become('ready', reason)
}
