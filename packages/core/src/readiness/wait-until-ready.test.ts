import { describe, expect, it, onTestFinished } from 'vitest'
import { manualClock } from '../testing/manual-clock.js'
import { httpReadiness } from './http.js'
import type { ReadinessProbe, ReadinessTarget } from './probe.js'
import { closedPort, fixtures, longestPause, noAbort, targetOf } from './target.fixture.js'
import { tcpReadiness } from './tcp.js'
import { type ReadyWait, waitUntilReady } from './wait-until-ready.js'

const { serving, socketPath } = fixtures(onTestFinished)

class TimedOut extends Error {}

function waiting(differences: Partial<ReadyWait> = {}): ReadyWait & {
  clock: ReturnType<typeof manualClock>
} {
  return {
    timeoutMs: 1_000,
    signal: noAbort,
    timedOut: (detail, timeoutMs) => new TimedOut(`not ready within ${timeoutMs} ms${detail}`),
    ...differences,
    clock: manualClock(),
  }
}

const looking =
  (probe: ReadinessProbe, target: ReadinessTarget) =>
  (signal: AbortSignal): Promise<void> =>
    probe.ready(target, signal)

describe('waitUntilReady()', () => {
  it('resolves when the probe does, and leaves no timer', async () => {
    const server = await serving((_request, response) => response.end())
    const wait = waiting()
    await waitUntilReady(looking(httpReadiness(), targetOf(server.endpoint)), wait)
    expect(wait.clock.pendingTimers).toBe(0)
  })

  it('fails at the timeout, with what was seen last', async () => {
    const server = await serving((_request, response) => response.writeHead(503).end())
    const target = targetOf(server.endpoint)
    const wait = waiting()
    const ready = waitUntilReady(looking(httpReadiness(), target), wait)
    await target.dialled(2)
    wait.clock.advanceSync(999)
    await target.dialled(target.dials + 1)
    wait.clock.advanceSync(1)
    await expect(ready).rejects.toEqual(
      new TimedOut('not ready within 1000 ms (last attempt: answered 503)'),
    )
    expect(wait.clock.pendingTimers).toBe(0)
    const { dials } = target
    await longestPause()
    expect(target.dials).toBe(dials)
    await server.ended()
  })

  it("fails when a probe's own timeout is over", async () => {
    const target = targetOf({ kind: 'unix', path: await socketPath() })
    const wait = waiting()
    await expect(
      waitUntilReady(looking(tcpReadiness({ timeoutMs: 500 }), target), wait),
    ).rejects.toEqual(
      new TimedOut('not ready within 500 ms (last attempt: its socket is not there yet)'),
    )
    expect(wait.clock.pendingTimers).toBe(0)
  })

  it("rejects with the signal's reason at once, whatever the probe does", async () => {
    const reason = new Error('exited with code 3')
    const target = targetOf(await closedPort())
    for (const probe of [tcpReadiness(), { ready: () => new Promise<never>(() => {}) }]) {
      const controller = new AbortController()
      const wait = waiting({ signal: controller.signal })
      const ready = waitUntilReady(looking(probe, target), wait)
      controller.abort(reason)
      await expect(ready).rejects.toBe(reason)
      expect(wait.clock.pendingTimers).toBe(0)
    }
  })

  it('does not look where the signal is aborted already', async () => {
    const reason = new Error('gone')
    let looks = 0
    const look = async (): Promise<void> => void (looks += 1)
    await expect(waitUntilReady(look, waiting({ signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    )
    expect(looks).toBe(0)
  })

  it('lets no readiness pass that comes with the abort', async () => {
    const reason = new Error('gone')
    const controller = new AbortController()
    const look = async (): Promise<void> => controller.abort(reason)
    await expect(waitUntilReady(look, waiting({ signal: controller.signal }))).rejects.toBe(reason)
  })

  it.each<[string, (signal: AbortSignal) => Promise<void>, string]>([
    ['ignores the abort', () => new Promise(() => {}), ''],
    [
      'rejects with the reason of the abort',
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      '',
    ],
    [
      'says something of its own',
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('schema at v3,\n v4 wanted')))
        }),
      ' (schema at v3,\\n v4 wanted)',
    ],
  ])("ends a host's own probe that %s", async (_name, look, detail) => {
    const wait = waiting()
    const ready = waitUntilReady(look, wait)
    wait.clock.advanceSync(1_000)
    await expect(ready).rejects.toEqual(new TimedOut(`not ready within 1000 ms${detail}`))
  })

  it('passes on what a probe fails with before the timeout', async () => {
    const error = new Error('the license has run out')
    const wait = waiting()
    await expect(waitUntilReady(() => Promise.reject(error), wait)).rejects.toBe(error)
    const thrown = (): never => {
      throw error
    }
    await expect(waitUntilReady(thrown, wait)).rejects.toBe(error)
    expect(wait.clock.pendingTimers).toBe(0)
  })
})
