import { expect, test } from 'vitest'
import { LineSplitter } from './line-splitter.js'

function split(chunks: readonly (string | Buffer)[], maxBytes = 16): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter(maxBytes, (line) => lines.push(line))
  for (const chunk of chunks) splitter.push(Buffer.from(chunk as string))
  splitter.flush()
  splitter.flush()
  return lines
}

test.each<[string, (string | Buffer)[], string[]]>([
  ['several in a chunk', ['a\nb\n\nc\n'], ['a', 'b', '', 'c']],
  ['one in several chunks', ['a', 'b', 'c\nd'], ['abc', 'd']],
  ['with the line ends of Windows', ['a\r\nb\r', '\n\r\n'], ['a', 'b', '']],
  ['a carriage return alone stays', ['10%\r20%\n'], ['10%\r20%']],
  ['as long as allowed', [`${'x'.repeat(16)}\n`], ['x'.repeat(16)]],
  ['longer', [`${'x'.repeat(17)}y\nz\n`], [`${'x'.repeat(16)}…`, 'z']],
  [
    'longer, in chunks, without an end',
    ['x'.repeat(10), 'x'.repeat(10), 'x'],
    [`${'x'.repeat(16)}…`],
  ],
  ['a character cut by the limit is left out', [`${'x'.repeat(15)}äz\n`], [`${'x'.repeat(15)}…`]],
  ['a character before the limit stays', [`${'x'.repeat(14)}äz\n`], [`${'x'.repeat(14)}ä…`]],
  ['four bytes cut', [`${'x'.repeat(13)}😀z\n`], [`${'x'.repeat(13)}…`]],
  ['a character in two chunks', [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['ä']],
  ['no UTF-8', [Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a])], ['a\ufffd\ufffdb']],
  ['nothing but continuation bytes', [Buffer.alloc(20, 0x80)], [`${'\ufffd'.repeat(16)}…`]],
  ['nothing', [], []],
])('%s', (_, chunks, lines) => {
  expect(split(chunks)).toEqual(lines)
})
