import { InvalidIdError } from '../errors.js'

/** The id of an environment: a DNS label in lower case (RFC 1123 §2.1), so that it fits a host name, a path and a label. */
export type EnvironmentId = string

const grammar = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Whether `text` may name an environment. */
export function isEnvironmentId(text: string): boolean {
  return grammar.test(text)
}

/**
 * Returns `text` where it may name an environment.
 *
 * @throws {@link InvalidIdError} where it may not.
 */
export function assertEnvironmentId(text: string): EnvironmentId {
  if (typeof text !== 'string' || !grammar.test(text)) throw new InvalidIdError(text)
  return text
}
