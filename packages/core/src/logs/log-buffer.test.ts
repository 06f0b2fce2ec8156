import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { LogBuffer, type LogBufferOptions } from './log-buffer.js'

function filled(options: LogBufferOptions, ...lines: readonly string[]): LogBuffer {
  const log = new LogBuffer(options)
  for (const line of lines) log.push(line)
  return log
}

async function read(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

describe('LogBuffer', () => {
  it('returns lines as it keeps them: safe, without secrets', () => {
    const log = new LogBuffer({ redact: ['hunter2', /key-\d+/] })
    expect(log.push('\u001b[31mpassword hun\u001b[1mter2\u001b[0m, key-12\u0007\r\n')).toBe(
      'password [redacted], [redacted]\\u0007',
    )
    expect(log.tail(1)).toEqual(['password [redacted], [redacted]\\u0007'])
  })

  it('gives the last lines, the oldest first', () => {
    const log = filled({}, 'a', 'b', 'c')
    expect(log.tail(2)).toEqual(['b', 'c'])
    expect(log.tail(100)).toEqual(['a', 'b', 'c'])
    expect(log.tail(0)).toEqual([])
    expect(log.tail(-1)).toEqual([])
    expect(log.tail(Number.POSITIVE_INFINITY)).toEqual(['a', 'b', 'c'])
  })

  it('keeps as many lines as it may, round after round', () => {
    const log = new LogBuffer({ maxLines: 3 })
    for (let line = 0; line < 100; line += 1) {
      log.push(`${line}`)
      const kept = [line - 2, line - 1, line].filter((number) => number >= 0).map(String)
      expect(log.tail(1_000)).toEqual(kept)
    }
  })

  it('keeps as many bytes as it may, counted in UTF-8', () => {
    const log = filled({ maxBytes: 10 }, 'aaaa', 'bbbb', 'cc')
    expect(log.tail(9)).toEqual(['aaaa', 'bbbb', 'cc'])
    log.push('d')
    expect(log.tail(9)).toEqual(['bbbb', 'cc', 'd'])
    log.push('ééé')
    expect(log.tail(9)).toEqual(['cc', 'd', 'ééé'])
    log.push('0123456789')
    expect(log.tail(9)).toEqual(['0123456789'])
    log.push('')
    expect(log.tail(9)).toEqual(['0123456789', ''])
  })

  it('cuts a line that is too long, never a character', () => {
    const log = new LogBuffer({ maxLineLength: 5 })
    expect(log.push('12345')).toBe('12345')
    expect(log.push('123456')).toBe('1234…')
    expect(log.push('123👍56')).toBe('123…')
    const small = new LogBuffer({ maxBytes: 8 })
    expect(small.push('12345678')).toBe('12345678')
    expect(small.push('123456789')).toBe('12345…')
    expect(small.push('1234ééé')).toBe('1234…')
    expect(new LogBuffer({ maxBytes: 2 }).push('abc')).toBe('')
  })

  it('takes secrets out before it cuts', () => {
    const log = new LogBuffer({ maxLineLength: 20, redact: ['0123456789'] })
    expect(log.push('the password is 0123456789')).toBe('the password is [re…')
  })

  it('holds no more memory than its bounds, whatever the lines are pieces of', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const log = new LogBuffer()
    const used = (): number => {
      collect()
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const before = used()
    for (let line = 0; line < 200; line += 1) {
      const chunk = Buffer.alloc(2 ** 20, 97 + (line % 26)).toString('latin1')
      log.push(chunk.slice(0, 100))
    }
    // 200 MiB, if each line kept what it is a piece of.
    expect(used() - before).toBeLessThan(100 * 2 ** 20)
    expect(log.tail(1_000)).toHaveLength(200)
  })

  it('holds nothing of readers that are gone', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const log = new LogBuffer()
    const used = (): number => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = used()
    for (let count = 0; count < 100_000; count += 1) {
      const reader = log.lines()[Symbol.asyncIterator]()
      const asked = reader.next()
      await reader.return?.()
      await asked
    }
    expect(used() - before).toBeLessThan(5 * 2 ** 20)
    expect(log.tail(1)).toEqual([])
  })

  it('makes lone surrogates visible', () => {
    expect(new LogBuffer().push('a\ud800b')).toBe('a\ufffdb')
  })

  describe('lines()', () => {
    it('gives what is kept, then what comes, and ends at close()', async () => {
      const log = filled({ maxLines: 2 }, 'a', 'b', 'c')
      const all = read(log.lines())
      log.push('d')
      await nextTurn()
      log.push('e')
      log.push('f')
      log.close()
      expect(await all).toEqual(['b', 'c', 'd', 'e', 'f'])
      expect(await read(log.lines())).toEqual(['e', 'f'])
    })

    it('wakes all that wait, in the order of their asking', async () => {
      const log = new LogBuffer()
      const reader = log.lines()[Symbol.asyncIterator]()
      const other = read(log.lines())
      const asked = [reader.next(), reader.next(), reader.next()]
      log.push('a')
      log.push('b')
      log.close()
      expect(await Promise.all(asked)).toEqual([
        { value: 'a', done: false },
        { value: 'b', done: false },
        { value: undefined, done: true },
      ])
      expect(await other).toEqual(['a', 'b'])
    })

    it('lets a slow reader miss lines', async () => {
      const log = filled({ maxLines: 2 }, 'a')
      const reader = log.lines()[Symbol.asyncIterator]()
      expect((await reader.next()).value).toBe('a')
      for (const line of ['b', 'c', 'd', 'e']) log.push(line)
      expect((await reader.next()).value).toBe('d')
      expect((await reader.next()).value).toBe('e')
    })

    it('lets go of a reader that returns, also while it waits', async () => {
      const log = new LogBuffer()
      const reader = log.lines()[Symbol.asyncIterator]()
      const asked = reader.next()
      await reader.return?.()
      expect(await asked).toEqual({ value: undefined, done: true })
      log.push('a')
      expect(await reader.next()).toEqual({ value: undefined, done: true })
      expect(await read(firstOf(log.lines()))).toEqual(['a'])
    })
  })

  it('keeps nothing after close(), which may come twice', () => {
    const log = filled({ redact: ['x'] }, 'a')
    log.close()
    log.close()
    expect(log.push('x\u0007')).toBe('[redacted]\\u0007')
    expect(log.tail(5)).toEqual(['a'])
  })

  it('refuses options that make no sense', () => {
    expect(() => new LogBuffer({ maxLines: 0 })).toThrow('Expected `maxLines` of LogBuffer to be')
    expect(() => new LogBuffer({ redact: [1] } as never)).toThrow('Expected `redact`')
    expect(() => new LogBuffer({ maxLine: 1 } as never)).toThrow('did you mean `maxLines`?')
  })
})

async function* firstOf(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) {
    yield line
    return
  }
}
