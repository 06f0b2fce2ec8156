// Those of a connection, which HTTP/2 has no place for (RFC 9113 §8.2.2).
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

// Node.js throws where one of them comes twice: lib/internal/http2/util.js, kSingleValueFields (the same in 22, 24 and 26).
const singleValued: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
])

/** The values of one field: a list where there are several. */
export type FieldValue = string | string[]

/**
 * The fields of a flat list as Node.js's HTTP/2 takes them in heads, interim answers and trailers, by lower-case name. It throws for
 * any other, in places where nobody can catch it.
 */
export function http2Fields(flat: readonly string[]): Record<string, FieldValue> {
  // Without a prototype: a field may be named as one of its members.
  const fields = Object.create(null) as Record<string, FieldValue>
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    if (connectionSpecific.has(name)) continue
    const value = flat[i + 1] as string
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else if (singleValued.has(name)) continue
    else if (typeof before === 'string') fields[name] = [before, value]
    else before.push(value)
  }
  return fields
}
