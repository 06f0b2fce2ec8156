import { BadRequestError, quote } from '../errors.js'

/**
 * The path and query to ask an environment for, byte for byte. Of an absolute-form target (RFC 9112 §3.2.2) nothing else is used:
 * a client has no say in which host is connected to.
 *
 * @throws {@link BadRequestError} for a target that is neither
 */
export function upstreamPath(target: string): string {
  if (target.charCodeAt(0) === 0x2f) return target
  if (target === '*') {
    throw new BadRequestError(
      '"OPTIONS *" asks about this server itself and is not forwarded: ask for a path',
    )
  }
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)
  if (!absolute)
    throw new BadRequestError(`The request target ${quote(target)} is neither a path nor a URL`)
  const rest = target.slice(absolute[0].length)
  return rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
}

/** What was taken off the front of `whole` to leave `rest`; the empty string where it is no part of it. */
export function prefixTaken(whole: string, rest: string): string {
  if (whole.endsWith(rest)) return whole.slice(0, whole.length - rest.length)
  // A slash is put where the prefix was all of the path.
  return whole.endsWith(rest.slice(1)) ? whole.slice(0, whole.length - rest.length + 1) : ''
}
