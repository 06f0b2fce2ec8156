import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, type MockInstance, onTestFinished, vi } from 'vitest'
import { systemClock } from '../clock.js'
import { pauseAfterMs } from './attempt.js'
import { dialEndpoint } from './dial.js'
import { closedPort, fixtures, longestPause, noAbort, targetOf } from './target.fixture.js'
import { tcpReadiness } from './tcp.js'

const { listening, serving, socketPath } = fixtures(onTestFinished)

describe('tcpReadiness()', () => {
  it('tries at once, and leaves no connection open', async () => {
    const server = await serving(() => {})
    const target = targetOf(server.endpoint)
    const ready = tcpReadiness().ready(target, noAbort)
    expect(target.dials).toBe(1)
    await ready
    expect(target.dials).toBe(1)
    await server.ended()
  })

  it('connects through the dial of the spawner', async () => {
    const { endpoint } = await serving(() => {})
    const target = targetOf({ kind: 'dial' }, { dial: (signal) => dialEndpoint(endpoint, signal) })
    await expect(tcpReadiness().ready(target, noAbort)).resolves.toBeUndefined()
  })

  it('tries until something listens, with its pauses in between', async () => {
    const path = await socketPath()
    const target = targetOf({ kind: 'unix', path })
    const beganMs = performance.now()
    const ready = tcpReadiness().ready(target, noAbort)
    await target.dialled(8)
    // 1 + 2 + 4 + 8 + 16 + 32 + 50 ms, less what timers round off.
    expect(performance.now() - beganMs).toBeGreaterThan(100)
    await listening(createServer(), { path })
    await expect(ready).resolves.toBeUndefined()
  })

  it('pauses for a millisecond first, later for 50', () => {
    const pauses = Array.from({ length: 9 }, (_, attempt) => pauseAfterMs(attempt))
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 50, 50, 50])
    expect(pauseAfterMs(10_000)).toBe(50)
  })

  it('leaves no timer and no listener, ready or aborted', async () => {
    const setTimer = vi.spyOn(systemClock, 'setTimer')
    onTestFinished(() => setTimer.mockRestore())
    const cancels: MockInstance[] = []
    setTimer.mockImplementation(() => {
      const cancel = vi.fn<() => void>()
      cancels.push(cancel)
      return { cancel }
    })
    const timeouts = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timeouts()
    const controller = new AbortController()
    const { signal } = controller
    let refused = 0
    const refuse = (): Promise<never> => Promise.reject(new Error(`refused ${(refused += 1)}`))
    const target = targetOf({ kind: 'dial' }, { dial: refuse })
    const ready = tcpReadiness({ timeoutMs: 60_000 }).ready(target, signal)
    await target.dialled(6)
    await nextTurn()
    expect(timeouts()).toBe(before + 1)
    controller.abort()
    await expect(ready).rejects.toThrow('Not ready')
    expect(timeouts()).toBe(before)
    const { endpoint } = await serving(() => {})
    const other = new AbortController()
    await tcpReadiness({ timeoutMs: 60_000 }).ready(targetOf(endpoint), other.signal)
    expect(cancels).toHaveLength(9)
    for (const cancel of cancels) expect(cancel).toHaveBeenCalled()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(getEventListeners(other.signal, 'abort')).toEqual([])
  })

  it('stops at once when it is aborted, and says what it has seen', async () => {
    const target = targetOf(await closedPort())
    const controller = new AbortController()
    const reason = new Error('gone')
    const ready = tcpReadiness().ready(target, controller.signal)
    await target.dialled(3)
    controller.abort(reason)
    await expect(ready).rejects.toMatchObject({
      message: 'Not ready: last attempt: connection refused',
      cause: reason,
    })
    const { dials } = target
    await longestPause()
    expect(target.dials).toBe(dials)
  })

  it('gives up after its own timeout', async () => {
    const target = targetOf({ kind: 'unix', path: await socketPath() })
    await expect(tcpReadiness({ timeoutMs: 500 }).ready(target, noAbort)).rejects.toMatchObject({
      code: 'ALCOVE_READY_TIMEOUT',
      status: 504,
      reason:
        "Not ready within 500 ms, the probe's own `timeoutMs` (last attempt: its socket is not there yet)",
    })
  })

  it('ends an attempt that hangs, and destroys the connection that comes too late', async () => {
    const late = new Duplex({ read() {}, write() {} })
    const closed = once(late, 'close')
    let bring: (connection: Duplex) => void = () => {}
    const { endpoint } = await serving(() => {})
    const target = targetOf(endpoint, {
      dial: (signal) =>
        target.dials === 1
          ? new Promise((resolve) => {
              bring = resolve
            })
          : dialEndpoint(endpoint, signal),
    })
    await tcpReadiness({ attemptTimeoutMs: 20 }).ready(target, noAbort)
    expect(target.dials).toBe(2)
    bring(late)
    await closed
  })

  it('escapes what an unknown error says', async () => {
    const target = targetOf(
      { kind: 'dial' },
      { dial: () => Promise.reject(new Error('no\u001b[31m such pod')) },
    )
    await expect(tcpReadiness({ timeoutMs: 500 }).ready(target, noAbort)).rejects.toMatchObject({
      message: expect.stringContaining('(last attempt: no\\u001b[31m such pod)') as string,
    })
  })

  it('refuses options that make no sense', () => {
    expect(() => tcpReadiness({ timeoutMs: -1 })).toThrow(
      'Expected `timeoutMs` of tcpReadiness() to be a positive number of milliseconds, got `-1`',
    )
    expect(() => tcpReadiness({ timeout: 1 } as never)).toThrow('did you mean `timeoutMs`?')
  })
})
