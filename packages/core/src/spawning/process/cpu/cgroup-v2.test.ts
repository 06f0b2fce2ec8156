import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { processTable, type ProcessTable } from '../process-table.js'
import { ProcessTree } from '../process-tree.js'
import { cgroup } from './find-precedence.js'
import { Cgroup2Tree } from './fixtures/cgroup2-tree.js'
import { ProcFolder } from './fixtures/proc-folder.js'
import type { CpuHost, CpuPrecedence, RunPrecedence } from './precedence.js'

const run = '0123abcd'
const service = '/system.slice/gateway.service'
/** A process that lives, and is no child of this one. */
const environment = process.ppid

describe('where the gateway’s cgroup was handed to it', () => {
  it('steps aside into a leaf, and weighs environments beside it', async () => {
    const { tree, host } = handedOver()
    const precedence = await begin(host)
    await precedence.place('instance', treeOf(environment), true)
    expect(tree.pids(tree.folder)).toEqual([])
    expect(tree.pids(join(tree.folder, 'alcove-gateway'))).toEqual([String(process.pid)])
    expect(tree.pids(join(tree.folder, `alcove-${run}`, 'instance'))).toEqual([String(environment)])
    // 19 / (19 + 100) is 0.16, and 20 % are allowed.
    expect(weightOf(join(tree.folder, `alcove-${run}`))).toBe('19')
    expect(weightOf(join(tree.folder, 'alcove-gateway'))).toBe('100')
  })

  it('leaves all as it was', async () => {
    const { tree, host } = handedOver()
    const precedence = await begin(host)
    await precedence.place('instance', treeOf(environment), true)
    tree.put(join(tree.folder, `alcove-${run}`, 'instance'))
    await precedence.remove('instance')
    expect(tree.folders(join(tree.folder, `alcove-${run}`))).toEqual([])
    await precedence.close()
    expect(tree.folders(tree.folder)).toEqual([])
    expect(tree.pids(tree.folder)).toEqual([String(process.pid)])
    expect(tree.read(join(tree.folder, 'cgroup.subtree_control')).trim()).toBe('')
  })

  it('takes what the gateway has started along, and what it starts meanwhile', async () => {
    const { tree, host, proc } = handedOver()
    proc.process(7001, process.pid).process(7002, 7001)
    tree.put(tree.folder, process.pid, 7001)
    let forks = 1
    tree.before = (what) => {
      if (what !== 'write cgroup.subtree_control' || forks === 0) return
      forks -= 1
      tree.put(tree.folder, 7002)
    }
    await (await begin(host)).place('instance', treeOf(environment), true)
    expect(tree.pids(join(tree.folder, 'alcove-gateway'))).toEqual([
      String(process.pid),
      '7001',
      '7002',
    ])
  })

  it('is shared by two runs of one process, and given back by the last one', async () => {
    const { tree, host, proc } = handedOver()
    const first = await begin(host)
    await first.place('instance', treeOf(environment), true)
    // Where the process is now.
    proc.inCgroup2(`${service}/alcove-gateway`, tree.root)
    const later = await begin(host, 'second00')
    await later.place('other', treeOf(environment), true)
    expect(tree.folders(tree.folder).toSorted()).toEqual(
      [`alcove-${run}`, 'alcove-gateway', 'alcove-second00'].toSorted(),
    )
    await first.close()
    expect(weightOf(join(tree.folder, 'alcove-second00'))).toBe('19')
    tree.put(join(tree.folder, 'alcove-second00', 'other'))
    await later.close()
    expect(tree.folders(tree.folder)).toEqual([])
    expect(tree.pids(tree.folder)).toEqual([String(process.pid)])
  })

  it.each([
    ['write cgroup.subtree_control', 'EBUSY'],
    ['write cgroup.subtree_control', 'ENOENT'],
  ])('goes back where it was if %s fails with %s', async (what, code) => {
    const { tree, host } = handedOver()
    tree.failures.set(what, code)
    await expect((await begin(host)).place('instance', treeOf(environment), true)).rejects.toThrow(
      code,
    )
    expect(tree.pids(tree.folder)).toEqual([String(process.pid)])
    expect(tree.folders(tree.folder)).toEqual([])
  })

  it('tells of a weight that can’t be set, and leaves nothing at its end', async () => {
    const { tree, host } = handedOver()
    tree.failures.set('write cpu.weight', 'EACCES')
    const precedence = await begin(host)
    await expect(precedence.place('instance', treeOf(environment), true)).rejects.toThrow('EACCES')
    await precedence.close()
    expect(tree.pids(tree.folder)).toEqual([String(process.pid)])
    expect(tree.folders(tree.folder)).toEqual([])
  })
})

describe('in the root of all groups', () => {
  it('moves nobody, since that one may have processes', async () => {
    const tree = new Cgroup2Tree('/')
    const proc = new ProcFolder().inCgroup2('/', tree.root)
    tree.put(tree.root, 1, process.pid)
    const precedence = await begin({ proc: proc.path, files: tree })
    await precedence.place('instance', treeOf(environment), true)
    expect(tree.pids(tree.root)).toEqual(['1', String(process.pid)])
    expect(tree.folders(tree.root)).toEqual([`alcove-${run}`])
    tree.put(join(tree.root, `alcove-${run}`, 'instance'))
    await precedence.close()
    expect(tree.read(join(tree.root, 'cgroup.subtree_control')).trim()).toBe('')
  })
})

describe('is refused, and touches nothing,', () => {
  it('without the controller', async () => {
    const { tree, host } = handedOver()
    await tree.write(join(tree.root, 'system.slice/cgroup.subtree_control'), '-cpu')
    await expectRefusal(tree, host, 'the gateway’s own cgroup was not given `cpu`')
  })

  it.each(['cgroup.procs', 'cgroup.subtree_control'])(
    'where %s may not be written',
    async (name) => {
      const { tree, host } = handedOver()
      tree.failures.set(`access ${name}`, 'EACCES')
      await expectRefusal(tree, host, 'the gateway’s own cgroup was not handed to its user')
    },
  )

  it('where no group may be made', async () => {
    const { tree, host } = handedOver()
    tree.failures.set('make', 'EROFS')
    await expectRefusal(tree, host, 'no group can be made in the gateway’s own cgroup (EROFS)')
  })

  it('where others are in the group: a shell, what started the gateway, who can’t be told', async () => {
    const { tree, host, proc } = handedOver()
    proc.process(7001, 1).process(7003, process.pid)
    tree.put(tree.folder, process.pid, process.ppid, 7001, 0, 7003)
    const others = `${process.ppid}, 7001, 0`
    await expectRefusal(tree, host, `other processes are in the gateway’s own cgroup (${others})`)
  })

  it('where the group is not mounted', async () => {
    const tree = new Cgroup2Tree(service)
    const proc = new ProcFolder().inCgroup2(service, tree.root, '/another.slice')
    await expectRefusal(
      tree,
      { proc: proc.path, files: tree },
      'the gateway’s own cgroup is not mounted here',
    )
  })
})

function handedOver(): { tree: Cgroup2Tree; host: CpuHost; proc: ProcFolder } {
  const tree = new Cgroup2Tree(service)
  const proc = new ProcFolder().inCgroup2(service, tree.root).process(process.pid, 1)
  tree.put(tree.folder, process.pid)
  return { tree, host: { proc: proc.path, files: tree }, proc }
}

async function begin(host: CpuHost, name = run): Promise<RunPrecedence> {
  const found = (await cgroup(0.2, host)) as CpuPrecedence
  expect(found).toMatchObject({ way: 'cgroup v2' })
  return found.open(name, alive)
}

async function expectRefusal(tree: Cgroup2Tree, host: CpuHost, reason: string): Promise<void> {
  const before = tree.pids(tree.folder)
  expect(await cgroup(0.2, host)).toBe(reason)
  expect(tree.pids(tree.folder)).toEqual(before)
  expect(tree.folders(tree.folder)).toEqual([])
}

function weightOf(group: string): string {
  const file = join(group, 'cpu.weight')
  return existsSync(file) ? readFileSync(file, 'latin1').trim() : 'none'
}

const alive: ProcessTable = Object.assign(Object.create(processTable()) as ProcessTable, {
  isAlive: () => true,
})

/** A tree of one process. */
function treeOf(pid: number): ProcessTree {
  const root = { token: 'f'.repeat(32), pid, startTime: '', order: Number.POSITIVE_INFINITY }
  return Object.assign(new ProcessTree(root, alive, false), { members: async () => [] })
}
