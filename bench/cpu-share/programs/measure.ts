// measure.ts <core> <how many> <percent of a core, or "off"> [<word that comes before the environment's command>…]
//
// Runs environments that burn, by processSpawner(), beside a stand-in for a gateway, all on one core; tells what part of the time that
// they had together was the environments', and where the kernel has put them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processSpawner } from '@alcove/core'
import type { Measured } from '../measured.ts'

const gatewayCpuMs = 1500
const [core = '0', count = '1', percent = 'off', ...before] = process.argv.slice(2)
const burn = [process.execPath, join(import.meta.dirname, 'burn.ts')]
const onCore = ['taskset', '-c', core] as const
const never = new AbortController().signal
const spawner = processSpawner({ cpuShare: percent === 'off' ? false : Number(percent) / 100 })

const handles = await Promise.all(Array.from({ length: Number(count) }, (_, index) => start(index)))
const gateway = spawn(onCore[0], [...onCore.slice(1), ...burn, String(gatewayCpuMs)], {
  stdio: ['ignore', 'pipe', 'inherit'],
  // A session of its own, as a gateway has one.
  detached: true,
})
await once(gateway.stdout, 'data')
const beforeMs = await usedMs()
await once(gateway, 'exit')
const environmentsMs = (await usedMs()) - beforeMs
const measured: Measured = {
  share: environmentsMs / (environmentsMs + gatewayCpuMs),
  cgroup: /^(?:\d+:(?:.*,)?cpu(?:,.*)?|0:):.*$/m.exec(procFile('cgroup'))?.[0] ?? 'none',
  autogroup: procFile('autogroup').trim(),
}
await Promise.all(handles.map((handle) => spawner.stop(handle, { graceMs: 0, signal: never })))
await spawner.close()
process.stdout.write(`${JSON.stringify(measured)}\n`)

/** Resolves once it burns. */
async function start(index: number) {
  const command = [...before, ...onCore, ...burn]
  const id = `burning-${index}`
  const context = { gateway: 'bench', id, generation: 1, owner: id, specHash: id, signal: never }
  const quiet = { log() {}, progress() {} }
  const handle = await spawner.start({ command }, { ...context, ...quiet })
  await new Promise<void>((resolve) => {
    const log = (line: string): void => {
      if (line === 'burning') resolve()
    }
    void spawner.observe(handle, { ...quiet, log, status() {} }, never)
  })
  return handle
}

async function usedMs(): Promise<number> {
  const usage = (await spawner.usage?.(handles, never)) ?? []
  return usage.reduce((sum, one) => sum + (one?.cpuMs ?? 0), 0)
}

/** Of the first environment. */
function procFile(name: string): string {
  return readFileSync(`/proc/${handles[0]?.pid}/${name}`, 'latin1')
}
