/**
 * Where the path of a request target begins; -1 where it has none (`*`, CONNECT's authority).
 *
 * The authority of an absolute-form (RFC 9112 §3.2.2) is stepped over, never used: it is the sender's word.
 */
export function pathStart(target: string): number {
  if (target.startsWith('/')) return 0
  const scheme = schemeLength(target)
  if (scheme === 0) return -1
  for (let index = scheme; index < target.length; index += 1) {
    const character = target[index]
    // RFC 9110 §4.2.1: an http URI with an empty host is invalid.
    if (character === '/') return index > scheme ? index : -1
    if (character === '?' || character === '#') return -1
  }
  return -1
}

/** The index after the path segment that begins at `from`. */
export function segmentEnd(target: string, from: number): number {
  let index = from
  while (index < target.length && target[index] !== '/' && target[index] !== '?') index += 1
  return index
}

const schemes = ['http://', 'https://']

function schemeLength(target: string): number {
  for (const scheme of schemes) {
    if (target.slice(0, scheme.length).toLowerCase() === scheme) return scheme.length
  }
  return 0
}
