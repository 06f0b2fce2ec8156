import type { Clock } from '../clock.js'
import { mayBeIdle } from '../environment/state.js'
import type { Instance } from '../instance/instance.js'
import type { Eviction, EvictionVerdict } from './options.js'

/** What an eviction needs of its manager. */
export interface EvictionContext {
  readonly clock: Clock
  readonly beforeEvict:
    | ((eviction: Eviction) => EvictionVerdict | Promise<EvictionVerdict>)
    | undefined
  readonly beforeEvictTimeoutMs: number
  /** Ends an idle instance; resolves when nothing of it runs. */
  end(instance: Instance, reason: string): Promise<void>
  postponed(instance: Instance, forMs: number): void
  /** It was used while the host thought about it. */
  spared(instance: Instance): void
  problem(instance: Instance, what: string, cause: unknown): void
}

/** Stops idle instances, unless the host asks to put that off. */
export class Evictions {
  readonly #underWay = new Map<Instance, Promise<boolean>>()

  constructor(private readonly context: EvictionContext) {}

  /** Whether the instance is gone afterwards. Callers at the same time share one eviction. */
  evict(instance: Instance, why: Eviction['why']): Promise<boolean> {
    let eviction = this.#underWay.get(instance)
    if (!eviction) {
      eviction = this.#evict(instance, why).finally(() => this.#underWay.delete(instance))
      this.#underWay.set(instance, eviction)
    }
    return eviction
  }

  async #evict(instance: Instance, why: Eviction['why']): Promise<boolean> {
    const { clock, beforeEvict } = this.context
    const { idleSinceMs } = instance
    const idleForMs = clock.nowMs() - (instance.idleSinceMs ?? clock.nowMs())
    if (beforeEvict) {
      const verdict = await this.#ask(beforeEvict, instance, why, idleForMs)
      if (verdict && verdict.postponeMs > 0) {
        instance.postponedUntilMs = clock.nowMs() + verdict.postponeMs
        this.context.postponed(instance, verdict.postponeMs)
        return false
      }
    }
    // A lease may have been taken while the host thought about it, or the host has said so.
    if (!mayBeIdle(instance.state) || instance.idleSinceMs !== idleSinceMs || instance.kept) {
      this.context.spared(instance)
      return !instance.live
    }
    const reason =
      why === 'idle'
        ? `idle for ${Math.round(idleForMs)} ms`
        : `the longest idle one, and ${why === 'memory' ? 'the host is short of memory' : 'its place is needed'}`
    await this.context.end(instance, reason)
    return true
  }

  async #ask(
    beforeEvict: NonNullable<EvictionContext['beforeEvict']>,
    instance: Instance,
    why: Eviction['why'],
    idleForMs: number,
  ): Promise<EvictionVerdict> {
    const { clock, beforeEvictTimeoutMs } = this.context
    const { id, generation, plan } = instance
    const late = new AbortController()
    const expired = Promise.withResolvers<undefined>()
    const timer = clock.setTimer(beforeEvictTimeoutMs, () => {
      late.abort()
      expired.resolve(undefined)
      this.context.problem(
        instance,
        `\`beforeEvict\` did not answer for environment "${id}" within ${beforeEvictTimeoutMs} ms; it is evicted`,
        undefined,
      )
    })
    try {
      const asked = (async () =>
        beforeEvict({ id, generation, owner: plan.owner, why, idleForMs, signal: late.signal }))()
      return await Promise.race([asked, expired.promise])
    } catch (error) {
      // It may have failed to save what would be lost: better to keep the environment for another while.
      this.context.problem(
        instance,
        `\`beforeEvict\` failed for environment "${id}"; its eviction is put off`,
        error,
      )
      return { postponeMs: Math.min(plan.policy.idleTimeoutMs, 60_000) }
    } finally {
      timer.cancel()
    }
  }
}
