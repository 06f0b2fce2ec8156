import { assertEnvironmentId, type EnvironmentId } from '../environment/id.js'
import { InvalidOptionError } from '../errors.js'
import { show } from '../option-check.js'
import type { EnvironmentMatch, RequestHead, Router } from './router.js'

/** A {@link Router} by the port that a request came in on. */
export interface PortRouter extends Router {
  /**
   * Routes what comes in on `port` to `id`, in place of any other.
   *
   * @throws {@link InvalidOptionError} where `port` is none.
   * @throws {@link InvalidIdError} where `id` can't name an environment.
   */
  set(port: number, id: EnvironmentId): void
  /** Routes `port` no more; `false` where it was not routed. */
  delete(port: number): boolean
  route(head: RequestHead): EnvironmentMatch | undefined
}

/**
 * Routes by the port of the gateway's own that the connection came in on, from a table.
 *
 * A port that is not in the table: not ours. The client has no say in it: no header is looked at.
 *
 * @example
 * ```ts
 * import { portRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = portRouter()
 * router.set(4001, 'pr-42')
 * router.route(requestHead({ localPort: 4001 })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function portRouter(): PortRouter {
  const matches = new Map<number, EnvironmentMatch>()
  return {
    set(port, id) {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new InvalidOptionError(
          `Expected the port of an environment to be from 1 to 65535, got ${show(port)}`,
        )
      }
      matches.set(port, { is: 'environment', id: assertEnvironmentId(id) })
    },
    delete: (port) => matches.delete(port),
    route: ({ localPort }) => (localPort === undefined ? undefined : matches.get(localPort)),
  }
}
