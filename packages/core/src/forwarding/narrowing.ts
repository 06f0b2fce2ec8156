import {
  type CookieRules,
  isRewritten,
  isSharedDomain,
  withAttribute,
} from './cookie-attributes.js'
import { nameOf } from './withheld.js'

/**
 * What the answers of an environment may do to the browsers of its visitors, beyond its own origin. They come from strangers'
 * code, behind a name that its siblings and the gateway have parts of.
 */
export interface Narrowing {
  readonly allowSharedCookies: boolean
  readonly allowHstsSubDomains: boolean
  readonly allowClearSiteData: boolean
  readonly allowServiceWorkerScope: boolean
  /** Names of cookies that are the gateway's own. */
  readonly gatewayCookies: ReadonlySet<string>
}

/** What a field of an answer was made to say, and which option would have let it pass. */
export interface Narrowed {
  /** `undefined`: it is dropped. */
  readonly value: string | undefined
  readonly option: keyof Narrowing
}

/** A Set-Cookie field: the gateway's own cookies are not an environment's to set, and siblings' browsers not to fill. */
export function narrowSetCookie(
  value: string,
  host: string,
  rules: Narrowing & CookieRules,
): Narrowed | undefined {
  // RFC 6265bis §5.7: a cookie without a name is sent as its bare value, `session=x` of `=session=x`.
  if (rules.gatewayCookies.has(nameOf(value.replace(/^[\s=]+/, '')))) {
    return { value: undefined, option: 'gatewayCookies' }
  }
  if (rules.allowSharedCookies) return undefined
  const narrow = withAttribute(value, 'domain', (domain) =>
    isSharedDomain(domain, host) && !isRewritten(domain, rules) ? '' : undefined,
  )
  return narrow === value ? undefined : { value: narrow, option: 'allowSharedCookies' }
}

/** Strict-Transport-Security speaks for the host itself alone (RFC 6797 §6.1.2). */
export function narrowHsts(value: string): Narrowed | undefined {
  const directives = value.split(';')
  const kept = directives.filter(
    (directive) => !/^\s*"?(includesubdomains|preload)\b/i.test(directive),
  )
  if (kept.length === directives.length) return undefined
  return { value: kept.join(';').trim() || undefined, option: 'allowHstsSubDomains' }
}

/**
 * Service-Worker-Allowed reaches as far as the environment's own path. Browsers do not agree on what is in it: Chromium takes what
 * stands before the first comma, Firefox resolves all of it, repeats joined. Only what has one meaning is passed.
 *
 * @param ownPath - `/env/pr-42`, or the empty string where the environment has all of its host.
 */
export function narrowServiceWorker(value: string, ownPath: string): Narrowed | undefined {
  if (ownPath === '') return undefined
  // A scope is a prefix of texts: without the slash it would have `/env/pr-420` too.
  const scope = `${ownPath}/`
  if (value.startsWith(scope) && isPlainPath(value)) return undefined
  // Without the field, a worker reaches as far as its script's own directory.
  return { value: isPlainPath(scope) ? scope : undefined, option: 'allowServiceWorkerScope' }
}

/** Whether this is a path of the same host that nobody can resolve to another one, and no list. */
function isPlainPath(text: string): boolean {
  return (
    /^\/(?!\/)[\w\-.~%!$&'()*+;=:@/]*$/.test(text) &&
    new URL(text, 'http://host').href === `http://host${text}`
  )
}
