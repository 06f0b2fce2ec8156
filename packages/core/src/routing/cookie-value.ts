import { skipSpace, trimmed } from './white-space.js'

/**
 * The value of the first cookie called `name` in a `Cookie` header; `undefined` where there is none.
 *
 * Read as RFC 6265 §5.4 has it sent and as servers are used to: white space around either part is dropped, and so are
 * quotes around the value. Nothing is decoded.
 */
export function cookieValue(header: string, name: string): string | undefined {
  let start = 0
  while (start < header.length) {
    const semicolon = header.indexOf(';', start)
    const end = semicolon === -1 ? header.length : semicolon
    const from = skipSpace(header, start, end)
    if (header.startsWith(name, from)) {
      const equals = skipSpace(header, from + name.length, end)
      if (header[equals] === '=') return unquoted(trimmed(header, equals + 1, end))
    }
    start = end + 1
  }
  return undefined
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1)
    : value
}
