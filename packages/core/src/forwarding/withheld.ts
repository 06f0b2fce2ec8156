/** What a gateway keeps to itself of the requests that it passes on. */
export interface Withholding {
  readonly forwardAuthorization: boolean
  /** Names of cookies that are the gateway's own. */
  readonly gatewayCookies: ReadonlySet<string>
}

/** A Cookie field's value without some cookies (RFC 6265 §4.2.1); `undefined` where none is left. */
export function withoutCookies(value: string, names: ReadonlySet<string>): string | undefined {
  const pairs = value.split(';')
  const kept = pairs.filter((pair) => !names.has(nameOf(pair)))
  if (kept.length === pairs.length) return value
  return kept.join(';').trim() || undefined
}

/** The name of a cookie, of `name=value` or of all of a Set-Cookie field. */
export function nameOf(pair: string): string {
  const end = pair.search(/[=;]/)
  return (end < 0 ? pair : pair.slice(0, end)).trim()
}
