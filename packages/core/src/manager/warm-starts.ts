import type { Clock, Timer } from '../clock.js'
import { warmWindow } from '../environment/warm-hours.js'
import {
  type AlcoveError,
  BackingOffError,
  EnvironmentNotFoundError,
  StoppedError,
} from '../errors.js'
import type { Instance } from '../instance/instance.js'
import type { Lease } from '../instance/lease.js'
import { asAlcoveError } from './opening.js'
import type { ManagedEnvironment } from './record.js'

/** After what is no failure of the environment itself: no place, or a host's hook that threw. */
const retryAfterMs = 60_000

/** What a warm start needs of its manager. */
export interface WarmStartContext {
  /** Starts an environment for its owner. */
  open(
    id: string,
    owner: string,
  ): { readonly record: ManagedEnvironment; readonly lease: Promise<Lease> }
  problem(error: AlcoveError): void
}

type Former = Pick<Instance, 'id' | 'plan'>

/** Starts environments anew that are to be kept warm, when their hours begin or their back-off is over. */
export class WarmStarts {
  readonly #timers = new Map<string, Timer>()
  #closed = false

  constructor(
    private readonly clock: Clock,
    private readonly context: WarmStartContext,
  ) {}

  /** Nothing of an instance runs any more. */
  ended({ id, plan }: Instance, record: ManagedEnvironment): void {
    // Not all of it: its log alone is a thousand lines.
    this.#schedule({ id, plan }, record, 0)
  }

  #schedule(former: Former, { failure }: ManagedEnvironment, atLeastMs: number): void {
    const { id, plan } = former
    this.forget(id)
    const { clock } = this
    const backOffMs = failure ? Math.max(0, failure.retryAtMs - clock.nowMs()) : atLeastMs
    // Not again before somebody restarts it.
    if (this.#closed || !Number.isFinite(backOffMs)) return
    const wallMs = clock.wallMs()
    const window = warmWindow(plan.policy.keepWarm, wallMs + backOffMs)
    if (!window) return
    this.#timers.set(
      id,
      clock.setTimer(Math.max(backOffMs, window.fromMs - wallMs), () => {
        this.#timers.delete(id)
        void this.#start(former)
      }),
    )
  }

  async #start(former: Former): Promise<void> {
    const { id, plan } = former
    const { record, lease } = this.context.open(id, plan.owner)
    try {
      const held = await lease
      held.release()
    } catch (error) {
      if (this.#closed || error instanceof EnvironmentNotFoundError) return
      const problem = asAlcoveError(error, id)
      // Whoever stopped it knows, and that it failed before has been told.
      const isTold = problem instanceof BackingOffError || problem instanceof StoppedError
      if (!isTold) this.context.problem(problem)
      if (problem instanceof StoppedError) return
      if (!record.current?.live) this.#schedule(former, record, retryAfterMs)
    }
  }

  /** Somebody has stopped it, or it runs. */
  forget(id: string): void {
    this.#timers.get(id)?.cancel()
    this.#timers.delete(id)
  }

  close(): void {
    this.#closed = true
    for (const id of this.#timers.keys()) this.forget(id)
  }
}
