import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allOf } from './all-of.js'
import type { ReadinessProbe } from './probe.js'
import { closedPort, fixtures, longestPause, noAbort, targetOf } from './target.fixture.js'
import { tcpReadiness } from './tcp.js'

const { socketPath } = fixtures(onTestFinished)

interface HeldProbe extends ReadinessProbe {
  settle: (error?: Error) => void
  aborted: boolean
}

function held(): HeldProbe {
  const probe: HeldProbe = {
    aborted: false,
    settle: () => {},
    ready: (_target, signal) =>
      new Promise((resolve, reject) => {
        probe.settle = (error) => (error ? reject(error) : resolve())
        signal.addEventListener('abort', () => {
          probe.aborted = true
          reject(signal.reason as Error)
        })
      }),
  }
  return probe
}

describe('allOf()', () => {
  it('is ready when the last probe is; all look at the same time', async () => {
    const [first, second] = [held(), held()]
    const target = targetOf(await closedPort())
    const ready = allOf(first, second).ready(target, noAbort)
    const settled = ready.then(() => 'ready')
    second.settle()
    expect(await Promise.race([settled, nextTurn()])).toBeUndefined()
    first.settle()
    expect(await settled).toBe('ready')
  })

  it('fails with the first probe that fails, and ends the others', async () => {
    const [first, second] = [held(), held()]
    const ready = allOf(first, second).ready(targetOf(await closedPort()), noAbort)
    const error = new Error('broken')
    second.settle(error)
    await expect(ready).rejects.toBe(error)
    expect(first.aborted).toBe(true)
    const throwing: ReadinessProbe = {
      ready() {
        throw error
      },
    }
    await expect(allOf(held(), throwing).ready(targetOf(await closedPort()), noAbort)).rejects.toBe(
      error,
    )
  })

  it('names what each probe that was not ready has seen', async () => {
    const target = targetOf(await closedPort())
    const fine: ReadinessProbe = { ready: async () => {} }
    const controller = new AbortController()
    const ready = allOf(tcpReadiness(), fine, tcpReadiness()).ready(target, controller.signal)
    await target.dialled(6)
    controller.abort()
    await expect(ready).rejects.toThrow(
      /^Not ready: last attempt: connection refused; last attempt: connection refused$/,
    )
  })

  it('keeps the timeout of each', async () => {
    const target = targetOf({ kind: 'unix', path: await socketPath() })
    await expect(
      allOf(tcpReadiness(), tcpReadiness({ timeoutMs: 10 })).ready(target, noAbort),
    ).rejects.toMatchObject({ code: 'ALCOVE_READY_TIMEOUT' })
    const { dials } = target
    await longestPause()
    expect(target.dials).toBe(dials)
  })

  it('does not begin when it is aborted already', async () => {
    const target = targetOf(await closedPort())
    const reason = new Error('gone')
    await expect(allOf(tcpReadiness()).ready(target, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    )
    expect(target.dials).toBe(0)
  })

  it('refuses what is no probe', () => {
    expect(() => allOf()).toThrow('allOf() needs at least one probe')
    expect(() => allOf(tcpReadiness as never)).toThrow('to be a readiness probe, got a function')
    expect(() => allOf([tcpReadiness()] as never)).toThrow('got a list')
  })
})
