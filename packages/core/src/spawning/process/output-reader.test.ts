import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { OutputReader } from './output-reader.js'

test('lines are told as they come, and the last one without an end at the end', async () => {
  const stream = new PassThrough()
  const lines: string[] = []
  const reader = new OutputReader(stream, 100, (line) => lines.push(line))
  stream.write('a\nb')
  await vi.waitFor(() => expect(lines).toEqual(['a']))
  stream.end('c')
  await reader.ended
  reader.finish()
  expect(lines).toEqual(['a', 'bc'])
})

test('of a flood the first and the last part are told, with how much is missing', async () => {
  const stream = new PassThrough()
  const lines: string[] = []
  const reader = new OutputReader(stream, 100, (line) => lines.push(line))
  const part = Buffer.from(`${'x'.repeat(63)}\n`.repeat(1024))
  for (let written = 0; written < 80; written += 1) {
    if (!stream.write(part)) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end('the end\n')
  await reader.ended
  reader.finish()
  expect(lines.at(-1)).toBe('the end')
  expect(lines.length).toBeLessThan(80 * 1024)
  expect(lines.some((line) => /^alcove: \d+ bytes of output were skipped/.test(line))).toBe(true)
})

test('beyond a measure the stream has to wait', async () => {
  const stream = new PassThrough({ highWaterMark: 1024 * 1024 })
  const reader = new OutputReader(stream, 100, () => {})
  const part = Buffer.alloc(1024 * 1024, 'x')
  const paused = new Promise((resolve) => stream.once('pause', resolve))
  const resumed = paused.then(() => new Promise((resolve) => stream.once('resume', resolve)))
  for (let written = 0; written < 18; written += 1) stream.write(part)
  await paused
  await resumed
  reader.finish()
})
