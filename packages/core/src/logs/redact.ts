import { sanitise } from './sanitise.js'

const placeholder = '[redacted]'
/** A shorter line of a secret of several lines is too common to be looked for: `}`. */
const shortestPart = 8

/**
 * Makes a function that takes secrets out of sanitised lines. A secret of several lines is also found line by line.
 *
 * @param secrets - Exact texts, and patterns whose every match goes; empty texts are left out.
 */
export function redactor(secrets: readonly (string | RegExp)[]): (line: string) => string {
  const patterns = secrets
    .filter((secret) => secret instanceof RegExp)
    // Each match goes, wherever it stands, and no state is kept from line to line: always "g", never "y".
    .map((pattern) => new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`))
  const texts = textPattern(secrets.filter((secret) => typeof secret === 'string'))
  if (texts) patterns.unshift(texts)
  return (line) => {
    let redacted = line
    for (const pattern of patterns) {
      redacted = redacted.replace(pattern, (match) => (match === '' ? '' : placeholder))
    }
    return redacted
  }
}

/** One pattern for all texts, the longest first: a secret may be the beginning of another. */
function textPattern(secrets: readonly string[]): RegExp | undefined {
  const texts = secrets
    .flatMap((secret) => {
      const parts = secret.split(/[\r\n]/).filter((part) => part !== '')
      return parts.length === 1 ? parts : parts.filter((part) => part.length >= shortestPart)
    })
    // Lines are sanitised before they are searched.
    .map((text) => sanitise(text))
    .filter((text) => text !== '')
    .sort((a, b) => b.length - a.length)
  if (texts.length === 0) return undefined
  return new RegExp(
    texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'),
    'g',
  )
}
