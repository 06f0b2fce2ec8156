import { matchOf, rejection } from './route-match.js'
import type { Router } from './router.js'
import { checkRouterOptions, token } from './router-options.js'

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
      for (let start = 0; start < header.length;) {
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
      if (id === '')
        return rejection(`The baggage has no value for ${key}: expected an environment's id`)
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
  const semicolon = header.indexOf(';', after)
  return decoded(
    header.slice(after + 1, semicolon === -1 || semicolon > end ? end : semicolon).trim(),
  )
}

// OWS, RFC 9110 §5.6.3.
function skipSpace(text: string, from: number, end: number): number {
  let index = from
  while (index < end && (text[index] === ' ' || text[index] === '\t')) index += 1
  return index
}

/** Text that can't be decoded stays, and breaks the grammar of ids by its `%`. A `+` is a plus here. */
function decoded(value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
