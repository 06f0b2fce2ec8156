import { InvalidOptionError, quote } from './errors.js'

/** What an option has to be: a word for people, and the test. */
export interface Rule {
  readonly expected: string
  holds(value: unknown): boolean
}

/** A rule for each option that exists. */
export type Rules = Readonly<Record<string, Rule>>

export const anyValue: Rule = { expected: 'anything', holds: () => true }
export const boolean: Rule = {
  expected: 'true or false',
  holds: (value) => typeof value === 'boolean',
}
export const text: Rule = {
  expected: 'a non-empty string',
  holds: (value) => typeof value === 'string' && value !== '',
}
export const func: Rule = { expected: 'a function', holds: (value) => typeof value === 'function' }
export const object: Rule = {
  expected: 'an object',
  holds: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
export const durationMs: Rule = {
  expected: 'a positive number of milliseconds',
  holds: (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
}
export const durationOrNoneMs: Rule = {
  expected: 'a number of milliseconds, 0 or more',
  holds: (value) => typeof value === 'number' && value >= 0 && Number.isFinite(value),
}
export const durationOrNeverMs: Rule = {
  expected: 'a positive number of milliseconds, or Infinity for never',
  holds: (value) => typeof value === 'number' && value > 0,
}
export const count: Rule = {
  expected: 'a positive whole number',
  holds: (value) => typeof value === 'number' && Number.isSafeInteger(value) && value > 0,
}
export const countOrNone: Rule = {
  expected: 'a whole number, 0 or more',
  holds: (value) => value === 0 || count.holds(value),
}
export const countOrUnlimited: Rule = {
  expected: 'a positive whole number, or Infinity for no limit',
  holds: (value) => count.holds(value) || value === Number.POSITIVE_INFINITY,
}

/** One of some words. */
export function oneOf(...words: readonly string[]): Rule {
  return {
    expected: words.map((word) => `"${word}"`).join(' or '),
    holds: (value) => typeof value === 'string' && words.includes(value),
  }
}

/** A list in which each item keeps a rule. */
export function listOf(rule: Rule, expected: string): Rule {
  return {
    expected,
    holds: (value) => Array.isArray(value) && value.every((item) => rule.holds(item)),
  }
}

/**
 * Refuses an option that is unknown (naming the nearest right one) or that breaks its rule; `undefined` counts as not given.
 *
 * @param where - Whose options: `headerRouter()`.
 * @throws {@link InvalidOptionError}
 */
export function checkOptions(where: string, options: unknown, rules: Rules): void {
  if (!object.holds(options)) {
    throw new InvalidOptionError(
      `Expected the options of ${where} to be an object, got ${show(options)}`,
    )
  }
  for (const [name, value] of Object.entries(options as Record<string, unknown>)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) {
      const nearest = nearestName(name, Object.keys(rules))
      const hint = nearest ? `did you mean \`${nearest}\`?` : `it has ${list(Object.keys(rules))}`
      throw new InvalidOptionError(`${where} has no option ${quote(name)}: ${hint}`)
    }
    if (value !== undefined && !rule.holds(value)) {
      throw new InvalidOptionError(
        `Expected \`${name}\` of ${where} to be ${rule.expected}, got ${show(value)}`,
      )
    }
  }
}

/** A value as a message may show it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return `\`${String(value)}\``
}

/** The name that `wrong` was most likely meant to be. */
export function nearestName(wrong: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    // A forgotten or wrong unit is the commonest slip: `idleTimeout`, `idleTimeoutSeconds`.
    const same = stem(name) === stem(wrong)
    const distance = same ? 0 : editDistance(name.toLowerCase(), wrong.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function stem(name: string): string {
  return name.replace(/(Ms|Millis|Milliseconds|Seconds|Secs?|Minutes|Bytes|Mb)$/i, '').toLowerCase()
}

// Levenshtein, one row at a time; names are short.
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? Number.POSITIVE_INFINITY
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `\`${name}\``).join(', ')
}
