import { describe, expect, it } from 'vitest'
import { InterimFilter } from './interim-filter.js'

const ok = 'HTTP/1.1 200 OK\r\n\r\n'
const go = 'HTTP/1.1 100 Continue\r\n\r\n'
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

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
    ['byte by byte', ...(go + go + ok).split('')],
  ])('loses 100, %s', (_, ...parts) => {
    expect(left(...parts)).toBe(ok)
  })

  it.each([
    ['once', hints + ok],
    ['in parts', hints.slice(0, 5), hints.slice(5, 20), hints.slice(20) + ok],
  ])('keeps another interim answer, %s', (_, ...parts) => {
    expect(left(...parts)).toBe(hints + ok)
  })

  it.each([
    ['behind', hints + go + ok],
    ['before', go + hints + ok],
    ['behind, byte by byte', ...(hints + go + ok).split('')],
  ])('loses 100 %s another', (_, ...parts) => {
    expect(left(...parts)).toBe(hints + ok)
  })

  it.each([
    ['of another version', 'HTTP/2.1 100 Continue\r\n\r\n'],
    ['a change of protocols', `HTTP/1.1 101 Switching\r\n\r\n${go}`],
    ['in the body', `${ok}${go}`],
    ['in a later part', ok, go],
    ['in a later part of the head', 'HTTP/1.1 200 OK\r\nX-A: ', go],
    ['too long', `HTTP/1.1 100 ${'a'.repeat(20_000)}`],
    ['nothing like it', 'GARBAGE\r\n'],
    ['cut anywhere', ...ok.split('')],
  ])('keeps what is %s', (_, ...parts) => {
    expect(left(...parts)).toBe(parts.join(''))
  })

  it.each(['H', go, hints, 'x'])('has come, whether or not it is passed on: %j', (bytes) => {
    const filter = new InterimFilter()
    filter.expect()
    expect(filter.came).toBe(false)
    filter.pass(Buffer.from(bytes))
    expect(filter.came).toBe(true)
    filter.expect()
    expect(filter.came).toBe(false)
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
