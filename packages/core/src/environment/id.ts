import { InvalidIdError } from '../errors.js'

/** The id of an environment: a DNS label in lower case (RFC 1123 §2.1), so that it fits a host name, a path and a label. */
export type EnvironmentId = string

const longest = 63
const hyphen = 0x2d

/** Whether `text` may name an environment: `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, by hand, since each request is asked twice. */
export function isEnvironmentId(text: string): boolean {
  if (typeof text !== 'string') return false
  const { length } = text
  if (length === 0 || length > longest) return false
  for (let at = 0; at < length; at += 1) {
    const code = text.charCodeAt(at)
    const isLetter = code >= 0x61 && code <= 0x7a
    const isDigit = code >= 0x30 && code <= 0x39
    if (!isLetter && !isDigit && (code !== hyphen || at === 0 || at === length - 1)) return false
  }
  return true
}

/**
 * Returns `text` where it may name an environment.
 *
 * @throws {@link InvalidIdError} where it may not.
 */
export function assertEnvironmentId(text: string): EnvironmentId {
  if (!isEnvironmentId(text)) throw new InvalidIdError(text)
  return text
}
