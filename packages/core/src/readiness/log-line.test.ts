import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { logLineReadiness } from './log-line.js'
import { closedPort, fixtures, noAbort, targetOf } from './target.fixture.js'

const { serving } = fixtures(onTestFinished)

/** Lines that come, and then no more; counts the readers that were let go. */
function linesOf(...lines: readonly string[]): AsyncIterable<string> & { returned: number } {
  const iterable = {
    returned: 0,
    [Symbol.asyncIterator]() {
      const left = [...lines]
      return {
        async next(): Promise<IteratorResult<string>> {
          const value = left.shift()
          return value === undefined ? new Promise(() => {}) : { value, done: false }
        },
        async return(): Promise<IteratorResult<string>> {
          iterable.returned += 1
          return { value: undefined, done: true }
        },
      }
    },
  }
  return iterable
}

describe('logLineReadiness()', () => {
  it.each([
    ['a string, wherever it stands', 'on [::]'],
    ['a regular expression', /listening on/i],
    ['a global one', /listening on/gi],
    ['a sticky one', /listening on/iy],
  ])('is ready at the line that matches %s', async (_name, pattern) => {
    const endpoint = await closedPort()
    const probe = logLineReadiness({ pattern })
    if (pattern instanceof RegExp) pattern.lastIndex = 40
    const match = 'Server Listening on [::]:3000 now'
    for (const printed of [['building', match, 'after'], [match], [match, match], [match]]) {
      const lines = linesOf(...printed)
      const target = targetOf(endpoint, { lines })
      await probe.ready(target, noAbort)
      expect([target.dials, lines.returned]).toEqual([0, 1])
    }
    expect(pattern instanceof RegExp && pattern.lastIndex !== 40).toBe(false)
  })

  it.each(['recovered', 'resumed', 'moved'] as const)(
    'only connects to an instance that was %s',
    async (cause) => {
      const server = await serving(() => {})
      const lines = linesOf('ready')
      const target = targetOf(server.endpoint, { cause, lines })
      await logLineReadiness({ pattern: 'never printed' }).ready(target, noAbort)
      expect([target.dials, lines.returned]).toEqual([1, 0])
      await server.ended()
    },
  )

  it('says how much it has read when it is aborted, none of the text, and lets the lines go', async () => {
    const lines = linesOf('password: 123', 'more')
    const controller = new AbortController()
    const ready = logLineReadiness({ pattern: /up/ }).ready(
      targetOf(await closedPort(), { lines }),
      controller.signal,
    )
    await nextTurn()
    controller.abort()
    await expect(ready).rejects.toThrow(
      /^Not ready: none of the 2 lines that it printed matches \/up\/$/,
    )
    expect(lines.returned).toBe(1)
  })

  it('waits for whoever ended the lines to say so', async () => {
    const lines = (async function* () {
      yield 'crashed'
    })()
    const controller = new AbortController()
    const ready = logLineReadiness({ pattern: 'up' }).ready(
      targetOf(await closedPort(), { lines }),
      controller.signal,
    )
    const settled = ready.then(
      () => 'ready',
      () => 'rejected',
    )
    expect(await Promise.race([settled, nextTurn()])).toBeUndefined()
    controller.abort()
    expect(await settled).toBe('rejected')
  })

  it('gives up after its own timeout', async () => {
    const target = targetOf(await closedPort(), { lines: linesOf() })
    await expect(
      logLineReadiness({ pattern: 'up', timeoutMs: 10 }).ready(target, noAbort),
    ).rejects.toMatchObject({ code: 'ALCOVE_READY_TIMEOUT' })
  })

  it('refuses options that make no sense', () => {
    expect(() => logLineReadiness({} as never)).toThrow('logLineReadiness() needs a `pattern`')
    for (const pattern of ['', 7, {}]) {
      expect(() => logLineReadiness({ pattern } as never)).toThrow('Expected `pattern`')
    }
    expect(() => logLineReadiness({ patern: 'x' } as never)).toThrow('did you mean `pattern`?')
  })
})
