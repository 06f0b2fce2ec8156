import { types } from 'node:util'
import { isEnvironmentId } from '../environment/id.js'
import { InvalidOptionError } from '../errors.js'
import { show } from '../option-check.js'
import { invalidId, matchOf, rejection } from './route-match.js'
import type { RequestHead, RouteMatch, RouterLike } from './router.js'

/** A router in the one form that a gateway calls: what comes out of it has been checked. */
export type Route = (head: RequestHead) => RouteMatch | undefined

// What Node.js lets into a header's value, and into the path of a request that it sends: checkInvalidHeaderChar() and
// INVALID_PATH_REGEX in https://github.com/nodejs/node/blob/main/lib/_http_common.js and _http_client.js.
const headerValue = /^[\t\x20-\x7e\x80-\xff]+$/
const requestPath = /^[\x21-\xff]+$/
// RFC 3986 §2: a reference has no other characters.
const reference = /^[\x21-\x7e]+$/
// Rewrites the display of what follows, or ends a log line.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Makes one checked function of a router or a bare function.
 *
 * An id, bare or in a match, that breaks the grammar becomes a rejection with 400. So does a target, a location or a
 * cookie with characters that HTTP has no place for: they come from the request as a rule.
 *
 * @param name - What messages call the router. @default 'router'
 * @throws {@link InvalidOptionError} at once where `router` is neither a router nor a synchronous function; later, from the
 * function that it returns, where the router answers with anything but an id, a match or `undefined`.
 *
 * @example
 * ```ts
 * import { asRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const route = asRouter((head) => head.header('x-branch'))
 * console.log(route(requestHead({ headers: { 'x-branch': '../etc' } }))) // { is: 'reject', status: 400, reason: … }
 * ```
 */
export function asRouter(router: RouterLike, name = 'router'): Route {
  const route = routeOf(router, name)
  return (head) => {
    const found = route(head)
    if (found === undefined) return undefined
    return typeof found === 'string' ? matchOf(found) : checked(found, head, name)
  }
}

function routeOf(router: unknown, name: string): (head: RequestHead) => unknown {
  const isObject = typeof router === 'object' && router !== null
  const route: unknown = isObject ? (router as { route?: unknown }).route : router
  if (typeof route !== 'function') {
    throw new InvalidOptionError(
      `Expected \`${name}\` to be a router or a function of the request's head, got ${show(router)}`,
    )
  }
  if (types.isAsyncFunction(route)) throw notSynchronous(name, 'an async function')
  const self = router as { route(head: RequestHead): unknown }
  return isObject ? (head) => self.route(head) : (router as (head: RequestHead) => unknown)
}

/** A match as a stranger to the types may have built it. */
type Unchecked = { readonly [Member in Members<RouteMatch>]?: unknown }
type Members<Union> = Union extends unknown ? keyof Union : never

function checked(found: unknown, head: RequestHead, name: string): RouteMatch {
  if (types.isPromise(found)) {
    // Nobody else will: an unhandled rejection would end the host.
    found.catch(() => undefined)
    throw notSynchronous(name, 'a promise')
  }
  const match: Unchecked = typeof found === 'object' && found !== null ? found : {}
  if (match.is === 'environment') return checkedEnvironment(match, head, name)
  if (match.is === 'reject') {
    if (match.status !== 400 && match.status !== 404)
      throw wrong(name, 'reject with status 400 or 404', match.status)
    if (typeof match.reason !== 'string') throw wrong(name, 'reject with a reason', match.reason)
    if (match.reason.search(unprintable) === -1) return match as RouteMatch
    return {
      is: 'reject',
      status: match.status,
      reason: match.reason.replaceAll(unprintable, escaped),
    }
  }
  if (match.is === 'redirect') {
    if (typeof match.location !== 'string')
      throw wrong(name, 'redirect to a string', match.location)
    if (reference.test(match.location)) return match as RouteMatch
    return rejection('This request leads to a location with characters that a URL has no place for')
  }
  throw wrong(name, 'return an id, a match or undefined', found)
}

function checkedEnvironment(match: Unchecked, head: RequestHead, name: string): RouteMatch {
  const { id, target, ownPath, template, setCookie, wake, orNext } = match
  if (typeof id !== 'string') throw wrong(name, 'match an id', id)
  if (!isEnvironmentId(id)) return invalidId(id)
  if (target !== undefined && target !== head.target) {
    if (typeof target !== 'string') throw wrong(name, 'make the target a string', target)
    // RFC 9112 §3.2.1: an origin-form begins with "/"; anything else could name another origin.
    if (!(target.startsWith('/') || target === '*') || !requestPath.test(target)) {
      return rejection(
        'This request leads to a target that is no path: expected "/" and then visible characters',
      )
    }
  }
  if (ownPath !== undefined && typeof ownPath !== 'string')
    throw wrong(name, 'make ownPath a string', ownPath)
  if (template !== undefined && typeof template !== 'string')
    throw wrong(name, 'make the template a string', template)
  if (wake !== undefined && typeof wake !== 'boolean')
    throw wrong(name, 'make wake true or false', wake)
  if (orNext !== undefined && typeof orNext !== 'boolean')
    throw wrong(name, 'make orNext true or false', orNext)
  if (setCookie !== undefined) {
    if (!Array.isArray(setCookie) || !setCookie.every((one: unknown) => typeof one === 'string')) {
      throw wrong(name, 'make setCookie a list of strings', setCookie)
    }
    if (!setCookie.every((one) => headerValue.test(one))) {
      return rejection(
        'This request leads to a cookie with characters that a header has no place for',
      )
    }
  }
  return match as RouteMatch
}

function wrong(name: string, what: string, got: unknown): InvalidOptionError {
  return new InvalidOptionError(`Expected \`${name}\` to ${what}, got ${show(got)}`)
}

function notSynchronous(name: string, got: string): InvalidOptionError {
  return new InvalidOptionError(
    `Expected \`${name}\` to be synchronous, got ${got}: what has to be looked up belongs in \`specFor\` or \`authorize\``,
  )
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
}
