import type { AlcoveError } from '../errors.js'
import type { Transition } from '../events.js'
import type { EnvironmentId } from './id.js'
import type { Keeping } from './keeping.js'
import type { Spec } from './spec.js'
import type { State } from './state.js'

/** How many changes of state are remembered for each environment. */
const historyLength = 20

/** What an environment has to know of its instances. */
export interface Incarnation {
  readonly generation: number
  readonly state: State
}

/** All that a manager keeps of one environment: its current instance, what is under way, and what was. */
export class EnvironmentRecord<
  Instance extends Incarnation,
  Waiting,
  Opening,
  Request,
  Replacement extends { readonly successor: Instance | undefined },
> {
  current: Instance | undefined
  /** The spec that `create()` was called with; it stands in for `specFor` until the environment is stopped by hand. */
  ownSpec: Spec | undefined
  /** The start under way that all share. */
  opening: Opening | undefined
  /** What those ask for who came when that start was cancelled already. */
  nextRequest: Request | undefined
  /** Resolves, never rejects, once that start has come to its end. */
  openingDone: Promise<void> | undefined
  /** The change of its current instance for another under way. */
  replacement: Replacement | undefined
  /** Instances that were replaced and are being drained and stopped. Their promises never reject. */
  retiring: Map<Instance, Promise<void>> | undefined
  /** The stop under way. Its promise never rejects. */
  stopping: Promise<void> | undefined
  /** The freezing under way. Its promise never rejects. */
  suspending: Promise<void> | undefined
  /** The deletion of its data under way, before which nothing starts. Its promise never rejects. */
  purging: Promise<void> | undefined
  /** Why the last start or instance failed. */
  failure: { readonly error: AlcoveError; readonly retryAtMs: number } | undefined
  /** Failures in a row. */
  consecutiveFailures = 0
  history: Transition[] = []
  #keeping: Keeping | undefined

  constructor(
    readonly id: EnvironmentId,
    readonly waiting: Waiting,
    private readonly makeKeeping: () => Keeping,
  ) {}

  /** Made when it is first asked for: most environments that are known are stopped, and nobody keeps them. */
  get keeping(): Keeping {
    this.#keeping ??= this.makeKeeping()
    return this.#keeping
  }

  /** Nothing of it runs, and nobody has asked for it to be kept. */
  protected letGoOfKeeping(): void {
    if (this.#keeping?.asked !== true) this.#keeping = undefined
  }

  /** Whether it has to be remembered although nothing of it runs. */
  get isWanted(): boolean {
    const { opening, replacement, purging, ownSpec, retiring } = this
    return (
      Boolean(opening ?? replacement ?? purging ?? ownSpec) ||
      this.#keeping?.asked === true ||
      (retiring?.size ?? 0) > 0
    )
  }

  get state(): State {
    return this.current?.state ?? (this.failure ? 'failed' : 'stopped')
  }

  /** What is to take the place of the current instance. */
  get successor(): Instance | undefined {
    const successor = this.replacement?.successor
    return successor === this.current ? undefined : successor
  }

  /** The instance of a generation, current or about to go. */
  instanceOf(generation: number): Instance | undefined {
    if (this.current?.generation === generation) return this.current
    return [...(this.retiring?.keys() ?? [])].find((retired) => retired.generation === generation)
  }

  remember(change: Transition): void {
    this.history.push(change)
    if (this.history.length > historyLength) this.history.shift()
  }

  forgetFailure(): void {
    this.failure = undefined
    this.consecutiveFailures = 0
  }
}
