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
  if (rules.gatewayCookies.has(nameOf(value))) return { value: undefined, option: 'gatewayCookies' }
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
 * Service-Worker-Allowed reaches as far as the environment's own path.
 *
 * @param target - What the client asked for, which a relative value is resolved against
 *   (https://w3c.github.io/ServiceWorker/#service-worker-allowed).
 * @param ownPath - `/env/pr-42`, or the empty string where the environment has all of its host.
 */
export function narrowServiceWorker(
  value: string,
  target: string,
  ownPath: string,
): Narrowed | undefined {
  if (ownPath === '') return undefined
  const base = `http://host${target.startsWith('/') ? target : '/'}`
  // Escapes and dots are resolved as a browser does it.
  const path = URL.canParse(value, base) ? new URL(value, base).pathname : '/'
  // A scope is a prefix of texts: without the slash it would have `/env/pr-420` too.
  if (path.startsWith(`${ownPath}/`)) return undefined
  return { value: `${ownPath}/`, option: 'allowServiceWorkerScope' }
}
