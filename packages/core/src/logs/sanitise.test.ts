import { describe, expect, it } from 'vitest'
import { sanitise } from './sanitise.js'

describe('sanitise()', () => {
  it.each([
    ['colours', '\u001b[1;32mready\u001b[0m in \u001b[38;2;1;2;3m4 ms\u001b[m', 'ready in 4 ms'],
    ['cursor movements', '\u001b[2J\u001b[1;1Hhello\u001b[?25l\u001b[3 q', 'hello'],
    ['a window title that ends with BEL', '\u001b]0;evil\u0007after', 'after'],
    ['a link that ends with ST', '\u001b]8;;http://x/\u001b\\text\u001b]8;;\u001b\\', 'text'],
    [
      'device control, private and other strings',
      '\u001bPq#0\u001b\\a\u001b_x\u001b\\b\u001b^y\u001b\\',
      'ab',
    ],
    ['charsets, keypads and resets', '\u001b(B\u001b=\u001bc\u001b#8ok', 'ok'],
    ['their 8-bit forms', '\u009b31mred\u009d0;t\u0007\u0090q\u009cend', 'redend'],
  ])('removes %s', (_name, line, safe) => {
    expect(sanitise(line)).toBe(safe)
  })

  it.each([
    ['a lone escape', 'a\u001b', 'a\\u001b'],
    ['an unfinished sequence', 'a\u001b[31', 'a31'],
    ['an unfinished string, whose text stays visible', '\u001b]0;title', '0;title'],
    ['line feeds and carriage returns within', 'a\nb\rc', 'a\\u000ab\\u000dc'],
    ['backspaces, bells, nulls, DEL', '\b\u0007\0\u007f', '\\u0008\\u0007\\u0000\\u007f'],
    ['C1', '\u0085\u009c', '\\u0085\\u009c'],
    ['bidirectional controls', 'a\u202eb\u2066c\u200fd\u061c', 'a\\u202eb\\u2066c\\u200fd\\u061c'],
    ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
    ['byte order marks', '\ufeffx', '\\ufeffx'],
  ])('shows %s', (_name, line, safe) => {
    expect(sanitise(line)).toBe(safe)
  })

  it('keeps what is text, indentation included', () => {
    const text = 'grüße 你好 👩‍💻 <b> \\u0007 "quoted" $& %s'
    expect(sanitise(text)).toBe(text)
    expect(sanitise('\tat x\r\n')).toBe('  at x')
  })

  it('leaves no control character of any kind, whatever comes', () => {
    const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join('')
    // eslint-disable-next-line no-control-regex -- they are what must not be there
    expect(sanitise(all)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
  })

  it('takes time in proportion to the length of a hostile line', () => {
    const hostile = [
      '\u001b]',
      '\u009d',
      '\u001b[1;',
      '\u009b0',
      '\u0090',
      '\u001bP',
      '\r',
      '\u001b ',
    ]
    for (const piece of hostile) {
      const line = `${piece.repeat(200_000)}x`
      const beganMs = performance.now()
      sanitise(line)
      // Quadratic, it would be minutes.
      expect(performance.now() - beganMs).toBeLessThan(5_000)
    }
  })
})
