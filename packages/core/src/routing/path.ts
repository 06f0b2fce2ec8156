import { isEnvironmentId } from '../environment/id.js'
import { InvalidOptionError } from '../errors.js'
import { boolean, checkOptions, type Rule } from '../option-check.js'
import { cookieValue } from './cookie-value.js'
import { pathStart, segmentEnd } from './request-target.js'
import { invalidId } from './route-match.js'
import type { EnvironmentMatch, RequestHead, Router } from './router.js'
import { token } from './router-options.js'

/** Options of {@link pathRouter}. */
export interface PathRouterOptions {
  /** The path before the id. @default '/env/' */
  readonly prefix?: string
  /** Whether the environment gets the path without prefix and id. @default true */
  readonly strip?: boolean
  /**
   * A cookie that remembers the id, so that the page's absolute URLs (`/assets/x.js`) reach the environment too: `true`, or
   * the cookie's name. It takes all paths outside of the prefix, the host's own as well if they come after the gateway.
   * `true` stands for `alcove-env`. @default false
   */
  readonly cookie?: boolean | string
}

/**
 * Routes by the first part of the path: `/env/pr-42/users?page=2` is `/users?page=2` of `pr-42`.
 *
 * Nothing is decoded, resolved or merged: an escaped id is refused with 400, and what follows the id reaches the environment
 * byte for byte, `..` and `//` included (an origin-form that begins with `//` is a path, no authority: RFC 9112 §3.2.1).
 * `/env/pr-42` is redirected to `/env/pr-42/`, so that relative URLs work; `/env/` itself is not ours.
 *
 * All environments share one browser origin: only for environments that trust each other.
 *
 * @throws {@link InvalidOptionError} where an option makes no sense.
 *
 * @example
 * ```ts
 * import { pathRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = pathRouter({ prefix: '/env/', cookie: true })
 * router.route(requestHead({ target: '/env/pr-42/users?page=2' }))
 * // { is: 'environment', id: 'pr-42', target: '/users?page=2', setCookie: ['alcove-env=pr-42; Path=/; HttpOnly; SameSite=Lax'] }
 * ```
 */
export function pathRouter(options: PathRouterOptions = {}): Router {
  checkOptions('pathRouter()', options, { prefix: prefixRule, strip: boolean, cookie: cookieRule })
  const prefix = withSlash(options.prefix ?? '/env/')
  const bare = prefix.slice(0, -1)
  const strip = options.strip ?? true
  const cookie = options.cookie === true ? 'alcove-env' : options.cookie || undefined
  if (cookie !== undefined && prefix === '/') {
    throw new InvalidOptionError(
      'Expected `cookie` of pathRouter() to be left out where `prefix` is "/": every path has that prefix, and none is left for the cookie',
    )
  }
  return {
    route(head) {
      const { target } = head
      const start = pathStart(target)
      if (start === -1) return undefined
      if (!target.startsWith(prefix, start)) {
        return cookie === undefined || isBare(bare, target, start)
          ? undefined
          : remembered(head, cookie, prefix)
      }

      const from = start + prefix.length
      const end = segmentEnd(target, from)
      const isLast = target[end] !== '/'
      if (end === from && isLast) return undefined
      const id = target.slice(from, end)
      if (!isEnvironmentId(id)) return invalidId(id)
      if (isLast && isNavigable(head)) {
        return { is: 'redirect', location: `${prefix}${id}/${target.slice(end)}` }
      }
      const match: EnvironmentMatch = strip
        ? { is: 'environment', id, target: isLast ? `/${target.slice(end)}` : target.slice(end) }
        : { is: 'environment', id, ownPath: `${prefix}${id}` }
      return cookie === undefined ? match : remember(match, head, cookie)
    },
  }
}

/** Whether the path is the prefix without its slash: a page of the host's about its environments, as `/env/` is. */
function isBare(bare: string, target: string, start: number): boolean {
  const end = start + bare.length
  return target.startsWith(bare, start) && (end === target.length || target[end] === '?')
}

/** Whether a redirect would arrive: WebSocket clients follow none, and other methods might lose their body on the way. */
function isNavigable(head: RequestHead): boolean {
  return (head.method === 'GET' || head.method === 'HEAD') && head.header('upgrade') === undefined
}

/**
 * A remembered id that is none is as good as no cookie: a stale or planted one must not lock the host's own pages. What a browser
 * remembers gives an environment no more of the host's paths than its own.
 */
function remembered(
  head: RequestHead,
  cookie: string,
  prefix: string,
): EnvironmentMatch | undefined {
  const id = cookieOf(head, cookie)
  return id !== undefined && isEnvironmentId(id)
    ? { is: 'environment', id, ownPath: `${prefix}${id}`, orNext: true }
    : undefined
}

function remember(match: EnvironmentMatch, head: RequestHead, cookie: string): EnvironmentMatch {
  if (!isPage(head) || cookieOf(head, cookie) === match.id) return match
  // RFC 6265bis §4.1.3: browsers refuse the prefixed names without Secure; TLS may end in front of the gateway.
  const secure = head.encrypted || /^__(host|secure)-/i.test(cookie) ? '; Secure' : ''
  return { ...match, setCookie: [`${cookie}=${match.id}; Path=/; HttpOnly; SameSite=Lax${secure}`] }
}

const pages: ReadonlySet<string> = new Set(['document', 'iframe', 'frame'])

/** Whether a page comes of it: an image that one environment takes from another must not move the first one's page over. */
function isPage(head: RequestHead): boolean {
  // https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header; clients other than browsers send none.
  const destination = head.header('sec-fetch-dest')
  return destination === undefined || pages.has(destination)
}

function cookieOf(head: RequestHead, name: string): string | undefined {
  const header = head.header('cookie')
  return header === undefined ? undefined : cookieValue(header, name)
}

function withSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix : `${prefix}/`
}

// RFC 3986 §3.3 without percent-encoding: an escape has several spellings, and the target is compared as it came.
const segment = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/

const prefixRule: Rule = {
  expected: 'a path such as "/env/", without escapes, "..", "//" or a query',
  holds(value) {
    if (value === '/') return true
    if (typeof value !== 'string' || !value.startsWith('/')) return false
    const segments = withSlash(value).slice(1, -1).split('/')
    return segments.every((one) => segment.test(one) && one !== '.' && one !== '..')
  },
}

const cookieRule: Rule = {
  expected: "true, false or a cookie's name",
  holds: (value) => typeof value === 'boolean' || token.holds(value),
}
