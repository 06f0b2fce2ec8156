import { describe, expect, it } from 'vitest'
import { redactor } from './redact.js'

describe('redactor()', () => {
  it('replaces each occurrence of a text', () => {
    const redact = redactor(['s3cret'])
    expect(redact('s3cret and s3cret, not S3cret')).toBe('[redacted] and [redacted], not S3cret')
  })

  it('takes the longest text where one is the beginning of another', () => {
    const redact = redactor(['abc', 'abcdef', 'abcd'])
    expect(redact('abcdef abcd abc')).toBe('[redacted] [redacted] [redacted]')
  })

  it('takes texts literally', () => {
    const text = 'a.b*c(d)[e]{f}\\g$h^i|j?k+l/m-n'
    expect(redactor([text])(`<${text}>`)).toBe('<[redacted]>')
    expect(redactor(['a.b'])('axb')).toBe('axb')
  })

  it.each([
    ['plain', /token=\w+/],
    ['global', /token=\w+/g],
    ['sticky', /token=\w+/y],
    ['both', /token=\w+/gy],
  ])('replaces each match of a %s pattern, line after line', (_name, pattern) => {
    pattern.lastIndex = 5
    const redact = redactor([pattern])
    for (let round = 0; round < 3; round += 1) {
      expect(redact('x token=1 token=2')).toBe('x [redacted] [redacted]')
    }
    expect(pattern.lastIndex).toBe(5)
  })

  it('keeps the other flags of a pattern', () => {
    expect(redactor([/bearer \p{L}+/iu])('Bearer é')).toBe('[redacted]')
  })

  it('puts nothing where a pattern matches nothing', () => {
    expect(redactor([/x*/])('axb')).toBe('a[redacted]b')
  })

  it('finds the lines of a secret of several lines, but for those too common', () => {
    const redact = redactor(['{\n  "key": "abcdefgh"\n}\n'])
    expect(redact('  "key": "abcdefgh"')).toBe('[redacted]')
    expect(redact('}')).toBe('}')
  })

  it('finds a secret that was read with the line end of its file', () => {
    expect(redactor(['pass\n'])('a pass b')).toBe('a [redacted] b')
  })

  it('finds what sanitising changes', () => {
    expect(redactor(['a\tb\u0007'])('<a  b\\u0007>')).toBe('<[redacted]>')
  })

  it('leaves lines alone where there is nothing to hide', () => {
    expect(redactor([])('line')).toBe('line')
    expect(redactor(['', '\n'])('line')).toBe('line')
  })
})
