// Real processes on one core, by the kernel's own account of their CPU time. Whatever else runs on this machine takes from all of
// them alike: the scheduler shares out by weight what is left to two groups of one level, so their ratio stays.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Bench, fixture, node } from '../fixtures/harness.js'
import { autogroup } from './autogroup.js'
import { cgroup } from './find-precedence.js'
import { cgroupIsDemanded, textOf } from './fixtures/this-machine.js'
import { type PrecedenceFinder, thisHost } from './precedence.js'

/** The first one that this process may use. */
const core = /^Cpus_allowed_list:\s*(\d+)/m.exec(textOf('/proc/self/status'))?.[1] ?? '0'
const onCore = ['taskset', '-c', core] as const
const gatewayCpuMs = 1500

const ways: readonly (readonly [string, PrecedenceFinder])[] = [
  ['a cgroup', cgroup],
  ['the autogroup of its session', (share, host) => autogroup(share, host)],
]

describe.each(ways)('by %s', (_name, find) => {
  it.for([1, 4])(
    '%d that burn get at most a fifth of a core that the gateway wants',
    { timeout: 60_000 },
    async (count, context) => {
      const found = await find(0.2, thisHost)
      if (typeof found === 'string') {
        if (find === cgroup) expect(cgroupIsDemanded()).toBe(false)
        process.stdout.write(`skipped: ${found}\n`)
        return context.skip(found)
      }
      const bench = new Bench({ cpuShare: 0.2 }, { precedence: [find] })
      expect(await shareOf(bench, count)).toBeLessThanOrEqual(0.2)
    },
  )
})

it('without any of it, one gets as much as the gateway', async (context) => {
  if (!existsSync('/proc/self/stat')) return context.skip('it takes Linux to tell')
  const share = await shareOf(new Bench({ cpuShare: false }), 1)
  expect(share).toBeGreaterThan(0.35)
}, 60_000)

/** What so many environments get of one core beside a gateway that wants all of it, by their CPU time. */
async function shareOf(bench: Bench, count: number): Promise<number> {
  const burning = await Promise.all(
    Array.from({ length: count }, () => bench.start({ command: [...onCore, ...node('burn.mjs')] })),
  )
  await Promise.all(burning.map((observed) => observed.line(/burning/)))
  // A program of Node.js is placed by then, by the time it takes to begin.
  const usedMs = async (): Promise<number> => {
    const usage = await bench.spawner.usage(burning.map(({ handle }) => handle))
    return usage.reduce((sum, one) => sum + (one?.cpuMs ?? 0), 0)
  }
  // In a session of its own, like a gateway: this process shares its own with all of the tests.
  const gateway = spawn(
    onCore[0],
    [...onCore.slice(1), process.execPath, fixture('burn.mjs'), String(gatewayCpuMs)],
    { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  )
  onTestFinished(() => void gateway.kill('SIGKILL'))
  await once(gateway.stdout, 'data')
  const beforeMs = await usedMs()
  await once(gateway, 'exit')
  const environmentsMs = (await usedMs()) - beforeMs
  expect(environmentsMs).toBeGreaterThan(0)
  return environmentsMs / (environmentsMs + gatewayCpuMs)
}
