import type { EnvironmentId } from './environment/id.js'
import type { State } from './environment/state.js'
import type { AlcoveError } from './errors.js'

/** An instance went from one state to another. */
export interface Transition {
  readonly id: EnvironmentId
  readonly generation: number
  readonly from: State
  readonly to: State
  /** Why, in a few words for people. */
  readonly reason: string
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number
}

/** A field between an environment and its visitors was taken away, or made to say less. */
export interface Restriction {
  readonly id: EnvironmentId
  readonly generation: number
  /** In lower case: `set-cookie`. */
  readonly field: string
  readonly action: 'dropped' | 'narrowed'
  /** The gateway's option that would have let it pass. */
  readonly option: string
}

/** Where somebody stands in a queue. */
export interface QueuePosition {
  /** What is waited for: a turn to start, or a place under one of the limits. */
  readonly for: 'start' | 'maxEnvironments' | 'maxPerOwner' | 'memoryBudgetBytes'
  /** 1 is next. */
  readonly position: number
  /** How many wait, this one included. */
  readonly of: number
  /** Until it is ready, in milliseconds, as starts went so far; `undefined` where nobody can tell. */
  readonly estimateMs: number | undefined
}

/** All that a manager tells: name → arguments. */
export interface ManagerEvents {
  /** Every change of state, with its reason. */
  transition: [change: Transition]
  /** A line that an instance printed: control characters escaped, secrets redacted. */
  log: [line: { readonly id: EnvironmentId; readonly generation: number; readonly text: string }]
  /** A step of a start: pulling, preparing. */
  progress: [
    step: {
      readonly id: EnvironmentId
      readonly generation: number
      readonly phase: string
      readonly text: string
    },
  ]
  /** Where one that waits to start stands now; again each time that changes. */
  queued: [where: { readonly id: EnvironmentId } & QueuePosition]
  /** An eviction was put off by `beforeEvict`. */
  postponed: [
    eviction: { readonly id: EnvironmentId; readonly generation: number; readonly forMs: number },
  ]
  /** What an environment was kept from getting, or from telling its visitors' browsers. */
  restricted: [restriction: Restriction]
  /** Something went wrong that no caller waits for. */
  problem: [error: AlcoveError]
}
