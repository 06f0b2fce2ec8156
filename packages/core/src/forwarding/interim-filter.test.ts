import { describe, expect, it } from 'vitest'
import { InterimFilter } from './interim-filter.js'

const ok = 'HTTP/1.1 200 OK\r\n\r\n'
const go = 'HTTP/1.1 100 Continue\r\n\r\n'

/** What is left of an answer that comes in these parts. */
function left(...parts: readonly string[]): string {
  const filter = new InterimFilter()
  filter.expect()
  return parts.map((part) => filter.pass(Buffer.from(part))?.toString() ?? '').join('')
}

describe('what comes before an answer', () => {
  it.each([
    ['once', go + ok],
    ['several times', go + go + ok],
    ['by itself', go, ok],
    ['with fields', `HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n${ok}`],
    ['without a reason', `HTTP/1.1 100\r\n\r\n${ok}`],
    ['in two parts', go.slice(0, 14), go.slice(14) + ok],
    ['byte by byte behind its status', go.slice(0, 12), ...go.slice(12).split(''), ok],
  ])('loses 100, %s', (_, ...parts) => {
    expect(left(...parts)).toBe(ok)
  })

  it.each([
    ['another', `HTTP/1.1 103 Early Hints\r\n\r\n${ok}`],
    ['of another version', 'HTTP/2.1 100 Continue\r\n\r\n'],
    ['in the body', `${ok}${go}`],
    ['in a later part', ok, go],
    ['in a later part of the head', 'HTTP/1.1 200 OK\r\nX-A: ', go],
    ['too long', `HTTP/1.1 100 ${'a'.repeat(20_000)}`],
    ['nothing like it', 'GARBAGE\r\n'],
    ['a single byte', 'H', 'TTP/1.1 100'],
  ])('keeps what is %s', (_, ...parts) => {
    expect(left(...parts)).toBe(parts.join(''))
  })

  it('is looked at again before the next answer only', () => {
    const filter = new InterimFilter()
    expect(filter.pass(Buffer.from(go))?.toString()).toBe(go)
    filter.expect()
    expect(filter.pass(Buffer.from(go + ok))?.toString()).toBe(ok)
    expect(filter.pass(Buffer.from(go))?.toString()).toBe(go)
    filter.expect()
    expect(filter.pass(Buffer.from(go))).toBeNull()
  })
})
