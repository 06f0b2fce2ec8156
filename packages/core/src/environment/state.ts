/** What an instance is doing. `failed`: nothing runs, and why is remembered. */
export type State =
  | 'stopped'
  | 'queued'
  | 'starting'
  | 'ready'
  | 'unready'
  | 'suspending'
  | 'suspended'
  | 'resuming'
  | 'stopping'
  | 'failed'

/** The whole life of an instance: from each state, the states it may go to. `stopping` is never taken back. */
export const transitions: Readonly<Record<State, readonly State[]>> = {
  stopped: ['queued'],
  queued: ['starting', 'stopped'],
  starting: ['ready', 'stopping', 'failed'],
  ready: ['unready', 'suspending', 'stopping', 'failed'],
  unready: ['ready', 'stopping', 'failed'],
  suspending: ['suspended', 'ready', 'failed'],
  suspended: ['resuming', 'stopping', 'failed'],
  resuming: ['ready', 'stopping', 'failed'],
  stopping: ['stopped', 'failed'],
  failed: ['queued', 'stopped'],
}

/** Whether an instance may go from one state to another. */
export function mayBecome(from: State, to: State): boolean {
  return transitions[from].includes(to)
}

/** Whether an instance in this state answers, or did a moment ago. */
export function serves(state: State): boolean {
  return state === 'ready' || state === 'unready'
}

/** Whether nobody may be using an instance in this state, though it could be used. */
export function mayBeIdle(state: State): boolean {
  return state === 'ready' || state === 'suspended'
}

/** Whether something of an instance may exist outside of the gateway in this state. */
export function isLive(state: State): boolean {
  return state !== 'stopped' && state !== 'queued' && state !== 'failed'
}
