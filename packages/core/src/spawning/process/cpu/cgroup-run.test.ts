import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  Bench,
  contextFor,
  fixture,
  never,
  type Observed,
  runs,
  temporaryFolder,
} from '../fixtures/harness.js'
import { RunFolder } from '../run-folder.js'
import { foldersIn } from '../state-directory.js'
import { cgroup } from './find-precedence.js'
import { cgroupIsDemanded, groupOf, textOf } from './fixtures/this-machine.js'
import type { GroupFiles } from './group-files.js'
import { thisHost } from './precedence.js'

const precedence = await cgroup(0.2, thisHost)
const reason = typeof precedence === 'string' ? precedence : undefined
if (reason !== undefined) process.stdout.write(`skipped: ${reason}\n`)

it('can be made here, where CI has to test them', () => {
  if (cgroupIsDemanded()) expect(reason).toBeUndefined()
})

describe.skipIf(reason !== undefined)('a group', () => {
  it('holds all of an environment, also what it forked before it was in there', async () => {
    const forked = Promise.withResolvers<void>()
    const move: GroupFiles['move'] = async (group, pid) => {
      await forked.promise
      await thisHost.files.move(group, pid)
    }
    const host = { ...thisHost, files: { ...thisHost.files, move } }
    const bench = new Bench({}, { precedence: [(share) => cgroup(share, host)] })
    const observed = await bench.start({ command: ['sh', fixture('forks-at-once.sh')] })
    const pids = JSON.parse((await observed.line(/^pids/)).slice(5)) as number[]
    expect(pids).toHaveLength(3)
    expect(pids.map(groupOf)).not.toContain(groupNameOf(observed))
    forked.resolve()
    await expect.poll(() => pids.map(groupOf)).toEqual(pids.map(() => groupNameOf(observed)))
    await observed.stop(0)
    expect(existsSync(notedGroup(bench.stateDir))).toBe(true)
    expect(groupsIn(notedGroup(bench.stateDir))).toEqual([])
  })

  it('that an environment can’t be put in is told of in its log', async () => {
    const move: GroupFiles['move'] = () => Promise.reject(new Error('out of order'))
    const host = { ...thisHost, files: { ...thisHost.files, move } }
    const bench = new Bench({}, { precedence: [(share) => cgroup(share, host)] })
    const observed = await start(bench)
    expect(await observed.line(/^alcove: it could not be put behind/)).toContain('out of order')
  })

  it('has a name that nobody from outside has chosen', async () => {
    const observed = await benchOf().start({ command: ['sleep', '600'] }, 'pr-1')
    await expect.poll(() => groupOf(observed.handle.pid)).toBe(groupNameOf(observed))
    expect(groupNameOf(observed)).toMatch(/\/alcove-[a-z0-9]{8}\/[a-z0-9]{8}-[a-z0-9]{8}$/)
  })

  it('is gone with its environment, and that of all with the gateway', async () => {
    const bench = benchOf()
    const [one, other] = [await start(bench), await start(bench)]
    await expect.poll(() => groupOf(other.handle.pid)).toBe(groupNameOf(other))
    const all = notedGroup(bench.stateDir)
    expect(existsSync(all)).toBe(true)
    await one.stop(0)
    expect(existsSync(join(all, basename(groupNameOf(one))))).toBe(false)
    expect(existsSync(join(all, basename(groupNameOf(other))))).toBe(true)
    await other.stop(0)
    await bench.spawner.close()
    expect(existsSync(all)).toBe(false)
  })

  it('is not left by a start that fails', async () => {
    const bench = benchOf()
    await start(bench)
    await expect(
      bench.spawner.start({ command: ['/no/such/program'] }, contextFor('pr-2')),
    ).rejects.toThrow('/no/such/program')
    await expect.poll(() => groupsIn(notedGroup(bench.stateDir))).toHaveLength(1)
  })

  it('of a run that is over is removed by the next, which takes its environments into its own', async () => {
    const stateDir = temporaryFolder()
    const former = new Bench({ stateDir })
    const observed = await start(former)
    await expect.poll(() => groupOf(observed.handle.pid)).toBe(groupNameOf(observed))
    const left = notedGroup(stateDir)
    await former.spawner.close()
    expect(existsSync(left)).toBe(true)

    const next = new Bench({ stateDir })
    const [found] = await Array.fromAsync(next.spawner.recover('test', never))
    expect(found?.handle.pid).toBe(observed.handle.pid)
    const own = foldersIn(stateDir).find((name) => !left.endsWith(name)) ?? ''
    await expect.poll(() => groupOf(observed.handle.pid)).toContain(`/alcove-${own}/`)
    await next.spawner.stop(observed.handle, { graceMs: 0, signal: never })
    await next.spawner.close()
    expect(existsSync(left)).toBe(false)
    expect(existsSync(join(dirname(left), `alcove-${own}`))).toBe(false)
  })

  it('with a stranger in it stays until that one is gone, and a later run removes it', async () => {
    const stateDir = temporaryFolder()
    const bench = new Bench({ stateDir })
    const observed = await start(bench)
    await expect.poll(() => groupOf(observed.handle.pid)).toBe(groupNameOf(observed))
    const all = notedGroup(stateDir)
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore' })
    onTestFinished(() => void stranger.kill('SIGKILL'))
    await thisHost.files.move(join(all, basename(groupNameOf(observed))), stranger.pid ?? 0)
    await observed.stop(0)
    await bench.spawner.close()
    expect(existsSync(all)).toBe(true)
    expect(runs(stranger.pid ?? 0)).toBe(true)

    stranger.kill('SIGKILL')
    await once(stranger, 'exit')
    await Array.fromAsync(new Bench({ stateDir }).spawner.recover('test', never))
    expect(existsSync(all)).toBe(false)
    expect(foldersIn(stateDir)).toEqual([])
  })

  it('that is noted is not removed where its name is not the run’s', async () => {
    const stateDir = temporaryFolder()
    const run = RunFolder.create(stateDir, { pid: process.pid, startTime: '' })
    const other = temporaryFolder()
    run.groupedIn(other)
    await run.removeIfEmpty()
    expect(existsSync(other)).toBe(true)
    expect(foldersIn(stateDir)).toEqual([])
  })
})

const benchOf = (): Bench => new Bench({}, { precedence: [cgroup] })
const start = (bench: Bench): Promise<Observed> => bench.start({ command: ['sleep', '600'] })

function groupNameOf({ handle }: Observed): string {
  const [run = '', instance = ''] = handle.dir.split('/')
  const own = groupOf(process.pid)?.replace(/\/$/, '') ?? ''
  return `${own.replace(/\/alcove-gateway$/, '')}/alcove-${run}/${run}-${instance}`
}

/** The folder of the group of the only run there is. */
function notedGroup(stateDir: string): string {
  const [run = ''] = foldersIn(stateDir)
  return (JSON.parse(textOf(join(stateDir, run, 'group.json'))) as { group: string }).group
}

const groupsIn = (group: string): readonly string[] => thisHost.files.folders(group)
