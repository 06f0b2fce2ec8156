import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { parseStat } from './proc-table.js'
import { processTable } from './process-table.js'
import { parsePs, PsTable } from './ps-table.js'

// Fields 3 to 24 of proc_pid_stat(5).
const stat = (state: string, threads = '1'): string[] =>
  `${state} 7 8 9 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 ${threads} 0 5555 1000 200`.split(' ')

test('the fields of /proc/PID/stat', () => {
  expect(parseStat(42, stat('S'))).toEqual({
    pid: 42,
    parent: 7,
    session: 9,
    startTime: expect.stringMatching(/^5555@/) as string,
    order: 5555,
    stopped: false,
    cpuMs: 1100,
  })
  expect(parseStat(42, stat('T'))?.stopped).toBe(true)
})

test('a zombie is none, unless other threads of it run', () => {
  expect(parseStat(42, stat('Z'))).toBeUndefined()
  expect(parseStat(42, stat('X'))).toBeUndefined()
  expect(parseStat(42, stat('Z', '4'))?.pid).toBe(42)
})

test.runIf(process.platform === 'linux')(
  'a process with a strange name, and what it carries',
  async () => {
    const child = spawn(
      process.execPath,
      ['-e', `process.title = 'a) R 1 1 (b'; console.log(); setInterval(() => {}, 1000)`],
      {
        env: {
          OTHER: 'ALCOVE_INSTANCE=not-this',
          ALCOVE_INSTANCE: 'outer:this-one',
          SECRET: 'ALCOVE',
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const table = processTable()
    const snapshot = await table.read()
    const info = snapshot.processes.get(child.pid ?? 0)
    if (!info) throw new Error('not seen')
    expect(info).toMatchObject({ parent: process.pid, stopped: false })
    expect(await table.find(info.pid)).toMatchObject({ startTime: info.startTime })
    expect(await table.birthOf(info.pid)).toEqual({ startTime: info.startTime, order: info.order })
    expect(snapshot.carries(info, 'this-one')).toBe(true)
    expect(snapshot.carries(info, 'outer')).toBe(true)
    expect(snapshot.carries(info, 'not-this')).toBe(false)
    expect(table.memoryBytes(info)).toBeGreaterThan(10_000_000)
    expect(table.isAlive(info)).toBe(true)
    expect(table.isAlive({ ...info, startTime: '1@x' })).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(table.isAlive(info)).toBe(false)
    expect(await table.find(info.pid)).toBeUndefined()
  },
)

const psOutput = `
    1     0 Ss    1234       0:01.50 Mon Nov 23 08:54:00 2026     /sbin/launchd
  500     1 T     2048  1-02:03:04.00 Tue Nov  3 18:00:01 2026     node a b ALCOVE_INSTANCE=token-1 HOME=/x
  501   500 Z        0       0:00.00 Tue Nov  3 18:00:02 2026     (node)
not a line
`

test('what ps prints on macOS', async () => {
  expect(parsePs(psOutput)).toEqual([
    expect.objectContaining({
      pid: 1,
      parent: 0,
      cpuMs: 1500,
      memoryBytes: 1234 * 1024,
      stopped: false,
    }),
    expect.objectContaining({
      pid: 500,
      parent: 1,
      stopped: true,
      startTime: 'Tue Nov 3 18:00:01 2026',
      cpuMs: (26 * 3600 + 184) * 1000,
    }),
  ])
  const snapshot = await new PsTable(async () => psOutput).read()
  const [first, second] = [...snapshot.processes.values()]
  expect(first && snapshot.carries(first, 'token-1')).toBe(false)
  expect(second && snapshot.carries(second, 'token-1')).toBe(true)
  const table = new PsTable(async () => psOutput)
  expect(table.isAlive({ pid: process.pid })).toBe(true)
  expect(table.isAlive({ pid: 2 ** 30 })).toBe(false)
  expect(await table.birthOf(501)).toEqual({ startTime: '', order: 0 })
  expect((await table.birthOf(1)).startTime).toBe('Mon Nov 23 08:54:00 2026')
})
