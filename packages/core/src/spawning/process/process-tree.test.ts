import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fixture, node, runs } from './fixtures/harness.js'
import { type ProcessInfo, processTable, type Snapshot } from './process-table.js'
import { ProcessTree } from './process-tree.js'

const table = processTable()

/** Starts a process as the spawner does and finds its tree. */
async function plant(
  command: readonly string[],
  variables: Record<string, string> = {},
): Promise<{
  tree: ProcessTree
  pid: number
  lines: AsyncIterator<string>
  exited: Promise<unknown>
}> {
  const token = crypto.randomUUID().replaceAll('-', '')
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ALCOVE_INSTANCE: token, ...variables },
  })
  const { pid } = child
  if (pid === undefined) throw new Error('not started')
  const tree = new ProcessTree({ token, pid, ...(await table.birthOf(pid)) }, table, true)
  onTestFinished(() => tree.end(0))
  return {
    tree,
    pid,
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    exited: once(child, 'exit'),
  }
}

async function pidsFrom(lines: AsyncIterator<string>): Promise<Record<string, number>> {
  return JSON.parse((await lines.next()).value as string) as Record<string, number>
}

describe('a tree', () => {
  test('has the descendants that left its session, lost their parents or cleared their variables', async () => {
    const { tree, pid, lines } = await plant(
      node('tree.mjs', 'stubborn', 'setsid', 'orphan', 'naked'),
      {
        PORT: '0',
      },
    )
    const pids = await pidsFrom(lines)
    const members = (await tree.members()).map((info) => info.pid)
    expect(members).toEqual(expect.arrayContaining([pid, ...Object.values(pids)]))
    expect(members[0]).toBe(pid)
    expect(members).not.toContain(process.pid)
  })

  test('is ended as a whole, what ignores SIGTERM by SIGKILL', async () => {
    const { tree, pid, lines } = await plant(
      node('tree.mjs', 'stubborn', 'setsid', 'orphan', 'naked'),
      {
        PORT: '0',
      },
    )
    const pids = Object.values(await pidsFrom(lines))
    expect([pid, ...pids].filter(runs)).toHaveLength(5)
    await tree.end(100)
    expect([pid, ...pids].filter(runs)).toEqual([])
  })

  test('has what its first process left behind when that ended', async () => {
    const { tree, pid, lines, exited } = await plant(node('tree.mjs', 'stubborn', 'orphan'), {
      PORT: '0',
      THEN: 'exit',
    })
    const pids = Object.values(await pidsFrom(lines))
    await exited
    expect(runs(pid)).toBe(false)
    expect((await tree.members()).map((info) => info.pid)).toEqual(expect.arrayContaining(pids))
    await tree.end(0)
    expect(pids.filter(runs)).toEqual([])
  })

  test('is asked politely first', async () => {
    const { tree, lines } = await plant([
      process.execPath,
      '-e',
      `process.on('SIGTERM', () => { console.log('asked'); process.exit(0) }); setInterval(() => {}, 1000); console.log('up')`,
    ])
    await lines.next()
    await tree.end(20_000)
    expect((await lines.next()).value).toBe('asked')
  })

  test('is asked politely while it is suspended, too', async () => {
    const { tree, lines } = await plant([
      process.execPath,
      '-e',
      `process.on('SIGTERM', () => { console.log('asked'); process.exit(0) }); setInterval(() => {}, 1000); console.log('up')`,
    ])
    await lines.next()
    await tree.suspend()
    // Threads stop one after another.
    while (!(await tree.members()).every((info) => info.stopped));
    await tree.end(20_000)
    expect((await lines.next()).value).toBe('asked')
  })

  test('ends early where a later call has less patience', async () => {
    const { tree, pid, lines } = await plant([
      process.execPath,
      '-e',
      `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('up')`,
    ])
    await lines.next()
    const patient = tree.end(3_600_000)
    expect((await lines.next()).value).toBe('no')
    await tree.end(0)
    await patient
    expect(runs(pid)).toBe(false)
  })

  test.each(['group', 'sessions'])('that forks all the time is ended (%s)', async (kind) => {
    const { tree, lines } = await plant(['/bin/sh', fixture('fork-bomb.sh'), kind])
    await lines.next()
    await tree.end(0)
    expect(await tree.members()).toEqual([])
    const left = await table.read()
    const { token } = tree.root
    expect([...left.processes.values()].filter((info) => left.carries(info, token))).toEqual([])
  })

  test('is gone for who looks after its end, and the end of nothing is harmless', async () => {
    const { tree, exited } = await plant(['/bin/true'])
    await exited
    await tree.end(1000)
    expect(await tree.members()).toEqual([])
    await tree.end(1000)
  })
})

describe('a pid that was used again', () => {
  const stranger = async (): Promise<{ pid: number; startTime: string; order: number }> => {
    const child = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' })
    onTestFinished(() => void child.kill('SIGKILL'))
    const pid = child.pid ?? 0
    return { pid, ...(await table.birthOf(pid)) }
  }

  test('is no member and is not signalled, nor is its session', async () => {
    const { pid, order } = await stranger()
    const token = crypto.randomUUID()
    for (const own of [true, false]) {
      const tree = new ProcessTree({ token, pid, startTime: '1@abcdefgh', order }, table, own)
      expect(await tree.members()).toEqual([])
      await tree.end(0)
    }
    expect(runs(pid)).toBe(true)
  })

  test('is found by its own start time', async () => {
    const root = await stranger()
    const tree = new ProcessTree({ token: crypto.randomUUID(), ...root }, table, false)
    expect((await tree.members()).map(({ pid }) => pid)).toEqual([root.pid])
    await tree.end(0)
    expect(runs(root.pid)).toBe(false)
  })

  test('between the look and the signal is spared', async () => {
    const { pid, order } = await stranger()
    const token = crypto.randomUUID()
    const old: ProcessInfo = {
      pid,
      order,
      parent: 1,
      session: pid,
      startTime: '1@abcdefgh',
      stopped: false,
      cpuMs: 0,
    }
    const looks: Snapshot[] = [
      { processes: new Map([[pid, old]]), carries: () => true, isSettled: true },
      { processes: new Map(), carries: () => false, isSettled: true },
    ]
    const stale = Object.assign(Object.create(table) as typeof table, {
      read: async () =>
        looks.shift() ?? { processes: new Map(), carries: () => false, isSettled: true },
      isAlive: table.isAlive.bind(table),
    })
    await new ProcessTree({ token, pid, startTime: '1@abcdefgh', order }, stale, true).end(0)
    expect(looks).toHaveLength(0)
    expect(runs(pid)).toBe(true)
  })
})

test('a session whose leader has ended counts as long as something of it was seen in there', () => {
  const info = (pid: number, more: Partial<ProcessInfo> = {}): ProcessInfo => ({
    pid,
    order: pid,
    parent: 1,
    session: pid,
    startTime: `${pid}@boot`,
    stopped: false,
    cpuMs: 0,
    ...more,
  })
  const look = (...all: ProcessInfo[]): Snapshot => ({
    processes: new Map(all.map((one) => [one.pid, one])),
    carries: () => false,
    isSettled: true,
  })
  const root = { token: 'token', pid: 10, startTime: '10@boot', order: 10 }
  const pids = (all: readonly ProcessInfo[]): number[] => all.map(({ pid }) => pid)

  const own = new ProcessTree(root, table, true)
  const left = info(12, { session: 10 })
  expect(pids(own.membersIn(look(info(10), left)))).toEqual([10, 12])
  expect(pids(own.membersIn(look(left, info(13, { session: 10 }))))).toEqual([12, 13])
  expect(pids(own.membersIn(look()))).toEqual([])
  // By now the number may be a later session's.
  expect(pids(own.membersIn(look(info(14, { session: 10 }))))).toEqual([])

  const found = new ProcessTree(root, table, false)
  expect(pids(found.membersIn(look(left)))).toEqual([])
})

test('readings are shared by all who ask before they begin, and by no one who asks later', async () => {
  let readings = 0
  const { SharedReading } = await import('./process-table.js')
  const shared = new SharedReading(async () => {
    readings += 1
    return { processes: new Map(), carries: () => false, isSettled: true }
  })
  const first = await Promise.all([shared.read(), shared.read(), shared.read()])
  expect(readings).toBe(1)
  expect(new Set(first).size).toBe(1)
  await shared.read()
  expect(readings).toBe(2)
})

test('this process has its own start time', async () => {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const { startTime } = await table.birthOf(process.pid)
  expect(stat.split(' ')).toContain(startTime.split('@')[0])
})
