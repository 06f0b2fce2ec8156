import { InvalidOptionError } from '../errors.js'
import { asRouter } from './as-router.js'
import type { Router, RouterLike } from './router.js'

/**
 * Asks routers in turn; the first that has an answer has the last word.
 *
 * A rejection is an answer: a malformed id must not let the request on to a router that reads something else.
 *
 * @throws {@link InvalidOptionError} where there is no router, or one that is none.
 *
 * @example
 * ```ts
 * import { firstMatch, headerRouter, subdomainRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = firstMatch(headerRouter(), subdomainRouter({ domain: 'localhost' }))
 * router.route(requestHead({ host: 'pr-42.localhost:8080' })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function firstMatch(...routers: readonly RouterLike[]): Router {
  if (routers.length === 0) {
    throw new InvalidOptionError('Expected firstMatch() to get one router or more, got none')
  }
  const routes = routers.map((router, index) =>
    asRouter(router, `router ${index + 1} of firstMatch()`),
  )
  return {
    route(head) {
      for (const route of routes) {
        const match = route(head)
        if (match !== undefined) return match
      }
      return undefined
    },
  }
}
