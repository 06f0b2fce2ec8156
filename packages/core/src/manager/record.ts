import { EnvironmentRecord } from '../environment/environment.js'
import type { Instance } from '../instance/instance.js'
import type { WaitList } from '../instance/wait-list.js'
import type { Replacement } from './replacement.js'
import type { Opening, OpeningRequest } from './opening.js'

/** How many lines of the log are told. */
const toldLogLines = 20

/** What is told of an instance, whatever became of it. */
export interface ToldInstance {
  readonly generation: number
  readonly owner: string
  readonly spawner: string
  readonly specHash: string
  readonly lastActivityMs: number
  readonly lastLogLines: readonly string[]
}

/** An environment as the manager keeps it. */
export class ManagedEnvironment extends EnvironmentRecord<
  Instance,
  WaitList,
  Opening,
  OpeningRequest,
  Replacement
> {
  /** Stands in for the last instance once that is stopped, and let go of. */
  #past: ToldInstance | undefined

  /** What is told of its last instance; `undefined` where it has never had one. */
  get told(): ToldInstance | undefined {
    return this.current ? toldOf(this.current) : this.#past
  }

  /**
   * Lets go of an instance that is stopped, but for what is told of it: with all that it was made of, and its whole log, it takes some
   * ten times the memory, for as long as the environment is remembered.
   */
  letGo(): void {
    if (!this.current) return
    this.#past = toldOf(this.current)
    this.current = undefined
    // Done, as nothing starts that has stopped.
    this.openingDone = undefined
    this.letGoOfKeeping()
    // Those that grow have room for more.
    this.history = [...this.history]
  }
}

function toldOf({ generation, plan, lastActivityMs, log }: Instance): ToldInstance {
  return {
    generation,
    owner: plan.owner,
    spawner: plan.spawnerName,
    specHash: plan.specHash,
    lastActivityMs,
    lastLogLines: log.tail(toldLogLines),
  }
}
