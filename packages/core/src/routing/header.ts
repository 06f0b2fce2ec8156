import { checkOptions } from '../option-check.js'
import { matchOf, rejection } from './route-match.js'
import type { Router } from './router.js'
import { token } from './router-options.js'
import { trimmed } from './white-space.js'

/** Options of {@link headerRouter}. */
export interface HeaderRouterOptions {
  /** The field's name, in any case. @default 'x-env-id' */
  readonly name?: string
}

/**
 * Routes by a request header whose value is the id.
 *
 * No such header: not ours. One that is empty, repeated or no id: 400, since the client did mean an environment.
 *
 * @throws {@link InvalidOptionError} where `name` is no field name.
 *
 * @example
 * ```ts
 * import { headerRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = headerRouter({ name: 'x-env-id' })
 * router.route(requestHead({ headers: { 'x-env-id': 'pr-42' } })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function headerRouter(options: HeaderRouterOptions = {}): Router {
  checkOptions('headerRouter()', options, { name: token })
  const name = (options.name ?? 'x-env-id').toLowerCase()
  return {
    route(head) {
      const value = head.header(name)
      if (value === undefined) return undefined
      if (trimmed(value, 0, value.length) === '') {
        return rejection(`The header ${name} is empty: expected an environment's id`)
      }
      // Node.js joins repeated fields with ", ": which of them was meant, nobody can tell.
      if (value.includes(',')) {
        return rejection(`The header ${name} has more than one value: expected one id`)
      }
      return matchOf(value)
    },
  }
}
