import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { processTable, type ProcessTable, type Snapshot } from '../process-table.js'
import { ProcessTree } from '../process-tree.js'
import { autogroup } from './autogroup.js'
import { ProcFolder } from './fixtures/proc-folder.js'
import { autogroupOf } from './gateway-weight.js'
import { type GroupFiles, kernelGroupFiles } from './group-files.js'
import type { CpuPrecedence, RunPrecedence } from './precedence.js'

describe('is one where sessions are grouped', () => {
  it('and no cgroup is in between', async () => {
    expect(await find(grouped().inCgroup2('/', '/nowhere'))).toMatchObject({ way: 'autogroup' })
    expect(await find(grouped())).toMatchObject({ way: 'autogroup' })
  })

  it('and the cgroup does not share out CPU', async () => {
    const proc = grouped()
    proc.inCgroup2('/user.slice/a.scope', join(proc.path, 'groups'))
    proc.write('groups/user.slice/cgroup.controllers', 'memory pids\n')
    expect(await find(proc)).toMatchObject({ way: 'autogroup' })
  })
})

describe('is none', () => {
  it('where sessions are not grouped', async () => {
    const off = 'sessions are not grouped (kernel.sched_autogroup_enabled)'
    expect(await find(new ProcFolder())).toBe(off)
    expect(await find(grouped().write('sys/kernel/sched_autogroup_enabled', '0\n'))).toBe(off)
  })

  const inCgroup = 'sessions are not grouped in a cgroup that shares out CPU'

  it('in a cgroup that shares out CPU, of version 2', async () => {
    const proc = grouped()
    proc.inCgroup2('/user.slice/a.scope', join(proc.path, 'groups'))
    proc.write('groups/user.slice/cgroup.controllers', 'cpu memory\n')
    expect(await find(proc)).toBe(inCgroup)
  })

  it('in one of version 1', async () => {
    expect(await find(grouped().write('self/cgroup', '4:cpu,cpuacct:/a\n0::/\n'))).toBe(inCgroup)
  })

  it('in a container, which takes its own cgroup for the root', async () => {
    const proc = grouped(new ProcFolder({ namespace: 4_026_532_500 })).inCgroup2('/', '/nowhere')
    expect(await find(proc)).toBe(inCgroup)
  })
})

describe('an environment’s session', () => {
  it('is put behind, and so is one that a program of it begins', async () => {
    const proc = grouped().write('11/autogroup', '/autogroup-11 nice 0\n')
    const snapshot = new FakeSnapshot([11, 1])
    const run = await begin(proc, sessions, snapshot)
    await run.place('a', treeOf(11, snapshot), true)
    expect(niceOf(proc, 11)).toBe(8)
    // The more there are, the less each of them weighs.
    proc.write('12/autogroup', '/autogroup-12 nice 0\n')
    snapshot.add(12, 11)
    await expect.poll(() => [niceOf(proc, 11), niceOf(proc, 12)]).toEqual([11, 11])
    snapshot.processes.delete(12)
    await expect.poll(() => niceOf(proc, 11)).toBe(8)
  })

  it('is put behind further at once when there are more of them', async () => {
    const proc = grouped()
    for (const pid of [11, 12]) proc.write(`${pid}/autogroup`, `/autogroup-${pid} nice 0\n`)
    const never = 2 ** 30
    const run = await begin(proc, sessions, new FakeSnapshot(), never)
    await run.place('a', treeOf(11, new FakeSnapshot()), true)
    await run.place('b', treeOf(12, new FakeSnapshot()), true)
    expect([niceOf(proc, 11), niceOf(proc, 12)]).toEqual([11, 11])
  })

  it('that takes itself out is put back', async () => {
    const proc = grouped().write('11/autogroup', '/autogroup-11 nice 0\n')
    const snapshot = new FakeSnapshot([11, 1])
    const run = await begin(proc, sessions, snapshot)
    await run.place('a', treeOf(11, snapshot), true)
    proc.write('11/autogroup', '/autogroup-11 nice 0\n')
    await expect.poll(() => niceOf(proc, 11)).toBe(8)
  })

  it('is left alone where it has the value, is the gateway’s own, or is gone', async () => {
    const proc = grouped()
      .write('11/autogroup', '/autogroup-11 nice 8\n')
      .write('12/autogroup', '/autogroup-1 nice 0\n')
    const written: string[] = []
    const files = { ...kernelGroupFiles, write: async (path: string) => void written.push(path) }
    const run = await begin(proc, files, new FakeSnapshot())
    for (const pid of [11, 12, 13]) await run.place('a', treeOf(pid, new FakeSnapshot()), true)
    expect(written).toEqual([])
  })

  it('waits for its turn where the kernel lets a user write once in 100 ms', async () => {
    const proc = grouped().write('11/autogroup', '/autogroup-11 nice 0\n')
    let refusals = 2
    const files: GroupFiles = {
      ...kernelGroupFiles,
      async write(path, text) {
        refusals -= 1
        if (refusals >= 0) throw Object.assign(new Error('try again'), { code: 'EAGAIN' })
        await sessions.write(path, text)
      },
    }
    const run = await begin(proc, files, new FakeSnapshot())
    await run.place('a', treeOf(11, new FakeSnapshot()), true)
    expect(niceOf(proc, 11)).toBe(8)
  })

  it('tells of what fails otherwise', async () => {
    const proc = grouped().write('11/autogroup', '/autogroup-11 nice 0\n')
    const files: GroupFiles = {
      ...kernelGroupFiles,
      async write() {
        throw Object.assign(new Error('not allowed'), { code: 'EACCES' })
      },
    }
    const run = await begin(proc, files, new FakeSnapshot())
    await expect(run.place('a', treeOf(11, new FakeSnapshot()), true)).rejects.toThrow(
      'not allowed',
    )
  })
})

function grouped(proc = new ProcFolder()): ProcFolder {
  return proc
    .write('sys/kernel/sched_autogroup_enabled', '1\n')
    .write('self/autogroup', '/autogroup-1 nice 0\n')
}

function find(
  proc: ProcFolder,
  files = kernelGroupFiles,
  eachMs = 5,
): Promise<CpuPrecedence | string> {
  return autogroup(0.2, { proc: proc.path, files }, eachMs)
}

async function begin(
  proc: ProcFolder,
  files: GroupFiles,
  snapshot: FakeSnapshot,
  eachMs?: number,
): Promise<RunPrecedence> {
  const found = (await find(proc, files, eachMs)) as CpuPrecedence
  const run = found.open('0123abcd', tableOf(snapshot))
  onTestFinished(() => run.close())
  return run
}

/** Writes as the kernel does: the value of the group. */
const sessions: GroupFiles = {
  ...kernelGroupFiles,
  async write(path, text) {
    writeFileSync(path, kernelGroupFiles.read(path).replace(/nice .*/, `nice ${text}`))
  },
}

function niceOf(proc: ProcFolder, pid: number): number | undefined {
  return autogroupOf(pid, { proc: proc.path, files: sessions })?.nice
}

class FakeSnapshot implements Snapshot {
  readonly processes = new Map<number, NonNullable<ReturnType<Snapshot['processes']['get']>>>()
  readonly isSettled = true

  constructor(...all: readonly (readonly [pid: number, parent: number])[]) {
    for (const [pid, parent] of all) this.add(pid, parent)
  }

  add(pid: number, parent: number): void {
    const info = { pid, parent, session: pid, stopped: false, cpuMs: 0, order: pid, startTime: '' }
    this.processes.set(pid, info)
  }

  carries(): boolean {
    return false
  }
}

function tableOf(snapshot: FakeSnapshot): ProcessTable {
  return Object.assign(Object.create(processTable()) as ProcessTable, {
    isAlive: () => true,
    read: async () => snapshot,
  })
}

function treeOf(pid: number, snapshot: FakeSnapshot): ProcessTree {
  return new ProcessTree(
    { token: 'f'.repeat(32), pid, startTime: '', order: 0 },
    tableOf(snapshot),
    true,
  )
}
