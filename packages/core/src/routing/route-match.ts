import { type EnvironmentId, isEnvironmentId } from '../environment/id.js'
import { InvalidIdError } from '../errors.js'
import type { EnvironmentMatch, RouteMatch } from './router.js'

/** A request that no environment can take; a variant of {@link RouteMatch}. */
export type Rejection = Extract<RouteMatch, { is: 'reject' }>

/** A match for `id`, or the rejection of an id that breaks the grammar. */
export function matchOf(id: EnvironmentId): EnvironmentMatch | Rejection {
  return isEnvironmentId(id) ? { is: 'environment', id } : invalidId(id)
}

/** The rejection of an id that breaks the grammar: it appears quoted, escaped and cut short. */
export function invalidId(id: string): Rejection {
  return rejection(new InvalidIdError(id).reason)
}

/** A request that names an environment in a way that can't be read. */
export function rejection(reason: string): Rejection {
  return { is: 'reject', status: 400, reason }
}
