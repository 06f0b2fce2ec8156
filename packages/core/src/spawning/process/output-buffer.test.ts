import { expect, test } from 'vitest'
import { OutputBuffer } from './output-buffer.js'

test('what came before anybody listened is told first, once', () => {
  const buffer = new OutputBuffer()
  const first: string[] = []
  const second: string[] = []
  const { signal } = new AbortController()
  buffer.add('a')
  buffer.listen((line) => first.push(line), signal)
  buffer.add('b')
  buffer.listen((line) => second.push(line), signal)
  buffer.add('c')
  expect(first).toEqual(['a', 'b', 'c'])
  expect(second).toEqual(['c'])
})

test('it is kept again while nobody listens', () => {
  const buffer = new OutputBuffer()
  const over = new AbortController()
  const lines: string[] = []
  buffer.listen((line) => lines.push(line), over.signal)
  over.abort()
  buffer.add('late')
  expect(lines).toEqual([])
  buffer.listen((line) => lines.push(line), AbortSignal.abort())
  expect(lines).toEqual(['late'])
})

test.each([
  ['many lines', 'x', 5000, 1000],
  ['long lines', 'x'.repeat(10_000), 100, 27],
])('%s are kept in bounds, the latest ones', (_, line, count, kept) => {
  const buffer = new OutputBuffer()
  for (let index = 0; index < count; index += 1) buffer.add(line)
  buffer.add('last')
  const lines: string[] = []
  buffer.listen((text) => lines.push(text), AbortSignal.abort())
  expect(lines).toHaveLength(kept + 1)
  expect(lines[0]).toBe(`alcove: the first ${count + 1 - kept} lines of output were dropped`)
  expect(lines.at(-1)).toBe('last')
})
