import { domainToASCII } from 'node:url'
import { type Rule, object } from '../option-check.js'

/**
 * How Domain or Path of an environment's cookies is rewritten, as in http-proxy: not at all, always to one value, or by the value
 * that it has (`'*'`: any other). The empty string takes the attribute away.
 */
export type CookieRewrite = false | string | Readonly<Record<string, string>>

export const cookieRewriteRule: Rule = {
  expected: 'false, a string, or an object of strings',
  holds: (value) =>
    value === false ||
    (typeof value === 'string' && isAttributeValue(value)) ||
    (object.holds(value) &&
      Object.values(value as object).every((to) => typeof to === 'string' && isAttributeValue(to))),
}

// RFC 6265 §4.1.1: any character but a control and ";".
function isAttributeValue(text: string): boolean {
  return /^[^\p{Cc};]*$/u.test(text)
}

const attributes = {
  domain: /;[\t ]*domain[\t ]*=[\t ]*([^;]*)/gi,
  path: /;[\t ]*path[\t ]*=[\t ]*([^;]*)/gi,
}

/** Replaces an attribute of a Set-Cookie value by what `to` makes of it; `''` takes it away, `undefined` leaves it. */
export function withAttribute(
  setCookie: string,
  name: keyof typeof attributes,
  to: (value: string) => string | undefined,
): string {
  return setCookie.replace(attributes[name], (whole, value: string) => {
    const replaced = to(value.trim())
    if (replaced === undefined) return whole
    return replaced === '' ? '' : `; ${name === 'path' ? 'Path' : 'Domain'}=${replaced}`
  })
}

/** How the cookies of all environments are rewritten. */
export interface CookieRules {
  readonly cookieDomainRewrite: CookieRewrite
  readonly cookiePathRewrite: CookieRewrite
}

/** Rewrites a Set-Cookie value as the host wants it; a Domain that is the environment's own host means the gateway's. */
export function rewriteCookie(
  setCookie: string,
  rules: CookieRules,
  own: { readonly hostname: string } | undefined,
): string {
  const { cookieDomainRewrite, cookiePathRewrite } = rules
  let value = setCookie
  if (cookieDomainRewrite !== false || own) {
    value = withAttribute(
      value,
      'domain',
      (domain) =>
        rewritten(cookieDomainRewrite, domain) ??
        (own && bareDomain(domain) === own.hostname ? '' : undefined),
    )
  }
  if (cookiePathRewrite === false) return value
  return withAttribute(value, 'path', (path) => rewritten(cookiePathRewrite, path))
}

/** Whether a Domain is one that the host has rewritten it to. */
export function isRewritten(domain: string, { cookieDomainRewrite }: CookieRules): boolean {
  if (typeof cookieDomainRewrite === 'string') return cookieDomainRewrite === domain
  return cookieDomainRewrite !== false && Object.values(cookieDomainRewrite).includes(domain)
}

/** What a rewriting makes of an attribute's value; `undefined`: nothing. */
function rewritten(rewrite: CookieRewrite, value: string): string | undefined {
  if (rewrite === false) return undefined
  if (typeof rewrite === 'string') return rewrite
  for (const from of [value, bareDomain(value), '*']) {
    if (Object.hasOwn(rewrite, from)) return rewrite[from]
  }
  return undefined
}

/** Whether a cookie with this Domain also goes to other hosts below a domain that `host` is only a part of. */
export function isSharedDomain(domain: string, host: string): boolean {
  // No host is longer (RFC 1035 §2.3.4), and the time that mapping takes grows with the square of the length.
  if (domain.length > 253) return true
  // As browsers do, who decode and map a name before they compare it (RFC 6265 §5.1.2).
  const wide = domainToASCII(bareDomain(Buffer.from(domain, 'latin1').toString()))
  if (wide === '') return false
  const own = host.replace(/\.$/, '').toLowerCase()
  return own === '' || (own !== wide && own.endsWith(`.${wide}`))
}

/** RFC 6265 §5.2.3: case does not matter, nor does a leading dot. */
function bareDomain(domain: string): string {
  return domain.replace(/^\./, '').toLowerCase()
}
