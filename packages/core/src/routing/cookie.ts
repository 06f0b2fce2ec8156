import { cookieValue } from './cookie-value.js'
import { matchOf } from './route-match.js'
import type { Router } from './router.js'
import { checkRouterOptions, token } from './router-options.js'

/** Options of {@link cookieRouter}. */
export interface CookieRouterOptions {
  /** The cookie's name; names of cookies have a case. */
  readonly name: string
}

/**
 * Routes by a cookie whose value is the id; where there are several of the name, the first counts.
 *
 * No such cookie, or an empty one (as some hosts delete theirs): not ours. One that is no id: 400.
 *
 * All environments share one browser origin: only for environments that trust each other.
 *
 * @throws {@link InvalidOptionError} where `name` is no cookie's name.
 *
 * @example
 * ```ts
 * import { cookieRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = cookieRouter({ name: 'env' })
 * router.route(requestHead({ headers: { cookie: 'theme=dark; env=pr-42' } })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function cookieRouter(options: CookieRouterOptions): Router {
  checkRouterOptions('cookieRouter()', options, { name: token }, 'name')
  const { name } = options
  return {
    route(head) {
      const header = head.header('cookie')
      const value = header === undefined ? undefined : cookieValue(header, name)
      return value === undefined || value === '' ? undefined : matchOf(value)
    },
  }
}
