import { unlessAborted } from '../abort.js'
import type { Clock } from '../clock.js'
import type { Preparation, PreparationContext } from '../environment/preparation.js'
import { type AlcoveError, HookFailedError, PrepareFailedError } from '../errors.js'
import type { Instance } from '../instance/instance.js'

/** How many preparations are remembered as made. */
const remembered = 10_000

/** What a run has beyond its grace to say that it has ended. */
const marginMs = 5_000

/** Whoever ends a preparation waits for it to be undone. */
const undoTimeoutMs = 30_000

/** Who is told what a preparation does. */
export interface PreparationListener {
  log(instance: Instance, text: string): void
  progress(instance: Instance, step: { readonly phase: string; readonly text: string }): void
  problem(error: AlcoveError): void
}

/** Makes what specs need before they can start: once for each hash, for all that wait for it. */
export class Preparations {
  /** By key, the environments that have used it. */
  readonly #made = new Map<string, Set<string>>()
  readonly #underWay = new Map<string, Run>()

  constructor(
    private readonly clock: Clock,
    private readonly listener: PreparationListener,
  ) {}

  /**
   * Resolves once what an instance needs is there. After a rejection nothing is left half-made, unless others still wait for it.
   *
   * @throws {@link PrepareFailedError}, or the signal's reason
   */
  async prepare(instance: Instance, signal: AbortSignal): Promise<void> {
    const { prepare } = instance.plan
    if (!prepare) return
    const key = keyOf(instance)
    const users = this.#made.get(key)
    if (users) {
      users.add(instance.id)
      return
    }
    let run = this.#underWay.get(key)
    // One that is being called off is not theirs who come now.
    while (run?.calledOff) {
      // eslint-disable-next-line no-await-in-loop -- one after another
      await unlessAborted(run.over, signal)
      run = this.#underWay.get(key)
    }
    run ??= this.#begin(key, prepare, instance)
    await run.wait(instance, signal)
    this.#made.get(key)?.add(instance.id)
  }

  /** Whether another instance has begun to make what this one needs. */
  isUnderWay(instance: Instance): boolean {
    return instance.plan.prepare !== undefined && this.#underWay.has(keyOf(instance))
  }

  /** The data of an environment are gone, and with them maybe what was made for it. */
  forget(id: string): void {
    for (const [key, users] of this.#made) if (users.has(id)) this.#made.delete(key)
  }

  #begin(key: string, prepare: Preparation, instance: Instance): Run {
    const run = new Run(prepare, instance, this.clock, this.listener)
    this.#underWay.set(key, run)
    void run.made.then((isMade) => {
      this.#underWay.delete(key)
      if (!isMade) return
      this.#made.set(key, new Set([instance.id]))
      if (this.#made.size <= remembered) return
      const [oldest = key] = this.#made.keys()
      this.#made.delete(oldest)
    })
    return run
  }
}

function keyOf({ plan }: Instance): string {
  return `${plan.specHash} ${plan.prepare?.key ?? ''}`
}

/** One run of a preparation, and those who wait for it. */
class Run {
  /** Resolves, never rejects, when nothing of it goes on: whether all is there. */
  readonly made: Promise<boolean>
  readonly over: Promise<void>
  readonly #outcome: Promise<void>
  readonly #waiting = new Set<Instance>()
  readonly #abort = new AbortController()
  #step: string | undefined

  constructor(
    private readonly preparation: Preparation,
    private readonly first: Instance,
    private readonly clock: Clock,
    private readonly listener: PreparationListener,
  ) {
    this.#outcome = this.#run()
    this.made = this.#outcome.then(
      () => true,
      () => false,
    )
    this.over = this.made.then(() => {})
  }

  get calledOff(): boolean {
    return this.#abort.signal.aborted
  }

  async wait(instance: Instance, signal: AbortSignal): Promise<void> {
    this.#waiting.add(instance)
    if (this.#step !== undefined) this.#tell(instance, this.#step)
    try {
      await unlessAborted(this.#outcome, signal)
    } catch (error) {
      this.#waiting.delete(instance)
      if (!signal.aborted) throw this.#failure(instance, error)
      if (this.#waiting.size === 0) {
        this.#abort.abort(signal.reason)
        // Whoever called it off finds nothing half-made.
        await this.over
      }
      throw signal.reason
    } finally {
      this.#waiting.delete(instance)
    }
  }

  async #run(): Promise<void> {
    const { preparation, clock, first } = this
    const { timeoutMs = 600_000 } = preparation
    const timer = clock.setTimer(timeoutMs, () => {
      this.#abort.abort(
        new Error(`it took longer than ${timeoutMs} ms; raise \`timeoutMs\` of its \`prepare\``),
      )
    })
    const { signal } = this.#abort
    const context = this.#context(signal)
    // Not in the constructor's own turn: those who wait are to be told from the first step on.
    const work = Promise.resolve().then(() => preparation.run(context))
    try {
      await unlessAborted(work, signal)
    } catch (error) {
      // It is not to go on making what is being taken away; one that does not heed its signal can't be waited for.
      await this.#settled(work, first.plan.policy.graceMs + marginMs)
      await this.#undo(error)
      throw error
    } finally {
      timer.cancel()
    }
  }

  async #undo(cause: unknown): Promise<void> {
    const { preparation, first } = this
    if (!preparation.undo) return
    const late = new AbortController()
    const timer = this.clock.setTimer(undoTimeoutMs, () => late.abort(cause))
    try {
      const undone = (async () => preparation.undo?.(this.#context(late.signal)))()
      await unlessAborted(undone, late.signal)
    } catch (error) {
      this.listener.problem(
        new HookFailedError(
          `What a failed preparation of environment "${first.id}" left could not be taken away by its \`undo\``,
          { id: first.id, cause: error },
        ),
      )
    } finally {
      timer.cancel()
    }
  }

  #settled(work: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(timeoutMs, resolve)
      const over = (): void => {
        timer.cancel()
        resolve()
      }
      void work.then(over, over)
    })
  }

  #context(signal: AbortSignal): PreparationContext {
    const { id, plan } = this.first
    return {
      id,
      specHash: plan.specHash,
      signal,
      graceMs: plan.policy.graceMs,
      log: (line) => {
        for (const instance of this.#waiting) this.listener.log(instance, line)
      },
      progress: (text) => {
        this.#step = text
        for (const instance of this.#waiting) this.#tell(instance, text)
      },
    }
  }

  #tell(instance: Instance, text: string): void {
    this.listener.progress(instance, { phase: 'prepare', text })
  }

  #failure({ id, log }: Instance, cause: unknown): PrepareFailedError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new PrepareFailedError(`Environment "${id}" could not be prepared: ${why}`, {
      id,
      cause,
      lastLogLines: log.tail(10),
    })
  }
}
