import { InvalidOptionError } from '../errors.js'
import { checkOptions, type Rule, type Rules, show } from '../option-check.js'

// RFC 9110 §5.6.2; names of cookies and keys of baggage are tokens too (RFC 6265 §4.1.1, W3C Baggage §3.2.1).
const tokenCharacters = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** What a header, a cookie or a key of baggage may be called. */
export const token: Rule = {
  expected: 'a name of letters, digits, "-", "_" and "."',
  holds: (value) => typeof value === 'string' && tokenCharacters.test(value),
}

/**
 * Checks the options of a router that can't do without `required`.
 *
 * @throws {@link InvalidOptionError}
 */
export function checkRouterOptions(
  where: string,
  options: unknown,
  rules: Rules,
  required: string,
): void {
  checkOptions(where, options ?? {}, rules)
  const value: unknown = (options as Record<string, unknown> | undefined)?.[required]
  if (value === undefined) {
    throw new InvalidOptionError(
      `Expected \`${required}\` of ${where} to be ${rules[required]?.expected ?? 'given'}, got ${show(value)}`,
    )
  }
}
