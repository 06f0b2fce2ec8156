import { percentDecoded } from './percent-decoding.js'
import { matchOf, rejection } from './route-match.js'
import type { Router } from './router.js'
import { checkRouterOptions, token } from './router-options.js'
import { skipSpace, trimmed } from './white-space.js'

/** Options of {@link baggageRouter}. */
export interface BaggageRouterOptions {
  /** The key of the member whose value is the id; keys have a case. */
  readonly key: string
}

/**
 * Routes by a member of the W3C `baggage` header, which tracing carries from service to service:
 * https://www.w3.org/TR/baggage/.
 *
 * Values are percent-decoded, properties and the members of others ignored, however they look. No such member: not ours.
 * One without a value, or no id, or several that differ: 400. The whole header is read: the limits of the specification
 * (64 members, 8192 bytes) are the least that has to be understood, and Node.js bounds all headers together (16 KiB).
 *
 * @throws {@link InvalidOptionError} where `key` is no token.
 *
 * @example
 * ```ts
 * import { baggageRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = baggageRouter({ key: 'env' })
 * router.route(requestHead({ headers: { baggage: 'userId=alice, env=pr-42;ttl=1' } })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function baggageRouter(options: BaggageRouterOptions): Router {
  checkRouterOptions('baggageRouter()', options, { key: token }, 'key')
  const { key } = options
  return {
    route(head) {
      const header = head.header('baggage')
      if (header === undefined) return undefined
      let id: string | undefined
      let start = 0
      while (start < header.length) {
        const comma = header.indexOf(',', start)
        const end = comma === -1 ? header.length : comma
        const value = valueOf(header, start, end, key)
        // The specification leaves open which duplicate counts, so services on the way may disagree.
        if (id !== undefined && value !== undefined && value !== id) {
          return rejection(`The baggage has several values for ${key}: expected one id`)
        }
        id ??= value
        start = end + 1
      }
      if (id === '') {
        return rejection(`The baggage has no value for ${key}: expected an environment's id`)
      }
      return id === undefined ? undefined : matchOf(id)
    },
  }
}

/** The decoded value of the list member between `start` and `end`, where `key` is its key; '' where it has none. */
function valueOf(header: string, start: number, end: number, key: string): string | undefined {
  const from = skipSpace(header, start, end)
  if (!header.startsWith(key, from)) return undefined
  const after = skipSpace(header, from + key.length, end)
  if (after === end || header[after] === ';') return ''
  if (header[after] !== '=') return undefined
  const value = trimmed(header, after + 1, end)
  const semicolon = value.indexOf(';')
  return percentDecoded(semicolon === -1 ? value : trimmed(value, 0, semicolon))
}
