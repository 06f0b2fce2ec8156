import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BuiltCore, type StartedHost } from '../fixtures/built-host.js'
import { Bench, fixture, never, runs, temporaryFolder } from '../fixtures/harness.js'
import { recordedAsWaiting, until } from '../fixtures/warm-bench.js'
import { RunFolder } from '../run-folder.js'

describe.runIf(process.platform === 'linux')('of a host', () => {
  let core: BuiltCore

  beforeAll(async () => {
    core = await BuiltCore.build()
  })
  afterAll(() => core.remove())

  /** A host with two environments and a process that waits. */
  async function host(
    stateDir: string,
    program?: string,
  ): Promise<{
    child: StartedHost['child']
    end: () => Promise<void>
    pids: number[]
    waiting: number
    watchdog: number
  }> {
    const { child, pids } = await core.host(
      stateDir,
      { size: 1, preload: [fixture('opens-itself.cjs')] },
      program,
    )
    await until(() => recordedAsWaiting(stateDir).length === 1)
    const [waiting = 0] = recordedAsWaiting(stateDir)
    await until(() => hasOpen(waiting, fixture('opens-itself.cjs')))
    // proc_pid_wchan(5): what it waits for in the kernel; "0" where that is not shown.
    const waitsFor = (): string => readFileSync(`/proc/${waiting}/wchan`, 'latin1')
    await until(() => /^(?:0$|unix_stream_read)/.test(waitsFor()))
    const [run = ''] = readdirSync(stateDir)
    const watchdog = new RunFolder(stateDir, run).watchdog()?.pid ?? 0
    expect([waiting, watchdog].every(runs)).toBe(true)
    expect(pids).not.toContain(waiting)
    const end = async (): Promise<void> => {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    return { child, end, pids, waiting, watchdog }
  }

  test('that is killed, who waits is ended with all the rest, and no file is left', async () => {
    const stateDir = temporaryFolder()
    const { end, pids, waiting } = await host(stateDir)
    await end()
    await until(() => ![...pids, waiting].some(runs))
    await until(() => readdirSync(stateDir).length === 0)
  })

  test('that is killed, who waits ends by itself where the watchdog was killed too, and is no environment', async () => {
    const stateDir = temporaryFolder()
    const { child, end, pids, waiting, watchdog } = await host(stateDir)
    // It would replace its watchdog.
    child.kill('SIGSTOP')
    process.kill(watchdog, 'SIGKILL')
    await end()
    await until(() => !runs(waiting))
    await expectTwoEnvironments(stateDir)
    expect(pids.filter(runs)).toEqual([])
  })

  test('that is killed, who waits and can’t end is ended by the next start, which does not take it for an environment', async () => {
    const stateDir = temporaryFolder()
    const { child, end, waiting, watchdog } = await host(stateDir)
    process.kill(waiting, 'SIGSTOP')
    // It would replace its watchdog.
    child.kill('SIGSTOP')
    process.kill(watchdog, 'SIGKILL')
    await end()
    expect(runs(waiting)).toBe(true)
    await expectTwoEnvironments(stateDir)
    expect(runs(waiting)).toBe(false)
    expect(recordedAsWaiting(stateDir)).toEqual([])
  })

  test('that closes, who waits is ended before it ends itself', async () => {
    const stateDir = temporaryFolder()
    const { child, pids, waiting } = await host(stateDir, 'closing-host.mjs')
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    // With another code it has ended before all of close() was done, since nothing kept it.
    expect(await exited).toEqual([42, null])
    expect([...pids, waiting].filter(runs)).toEqual([])
    expect(readdirSync(stateDir)).toEqual([])
  })

  async function expectTwoEnvironments(stateDir: string): Promise<void> {
    const next = new Bench({ stateDir })
    const found = await Array.fromAsync(next.spawner.recover('killed', never))
    await Promise.all(
      found.map(async ({ handle }) => next.spawner.stop(handle, { graceMs: 100, signal: never })),
    )
    expect(found.map(({ id }) => id).sort()).toEqual(['a', 'b'])
  }
})

function hasOpen(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).some((name) => {
    try {
      return readlinkSync(join(folder, name)) === file
    } catch {
      // Closed meanwhile.
      return false
    }
  })
}
