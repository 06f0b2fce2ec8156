import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { InvalidOptionError, SpawnerUnavailableError, UnsupportedError } from '../../errors.js'
import type { ExitInfo, Status } from '../spawner.js'
import {
  Bench,
  contextFor,
  get,
  getAnswer,
  never,
  node,
  type Observed,
  runs,
  temporaryFolder,
} from './fixtures/harness.js'
import { resolveOptions } from './options.js'
import { ProcessSpawner } from './process-spawner.js'
import { maxSocketPathBytes, maxStateDirBytes } from './state-directory.js'

const onLinux = process.platform === 'linux'
const say = (text: string): string =>
  `require('http').createServer((q, r) => r.end('${text}')).listen(process.env.PORT)`
const script = (code: string): string[] => [process.execPath, '-e', code]

/** The folders of instances in all runs. */
const instancesIn = (stateDir: string): string[] =>
  readdirSync(stateDir).flatMap((run) =>
    readdirSync(join(stateDir, run)).filter((name) => !name.endsWith('.json')),
  )

async function pidsOf(observed: Observed): Promise<Record<string, number>> {
  return JSON.parse(await observed.line(/^\{/)) as Record<string, number>
}

describe('where it listens', () => {
  test('a path of the greatest length that is allowed still is a socket of its own', async () => {
    const parent = temporaryFolder()
    const stateDir = join(parent, 'x'.repeat(maxStateDirBytes - Buffer.byteLength(parent) - 1))
    const bench = new Bench({ stateDir })
    const both = [await bench.start({ command: script(say('one')) }, 'one')]
    both.push(await bench.start({ command: script(say('two')) }, 'two'))
    const endpoints = await Promise.all(both.map((one) => one.endpoint()))
    for (const endpoint of endpoints) {
      const path = endpoint.kind === 'unix' ? endpoint.path : ''
      expect(Buffer.byteLength(path)).toBe(maxSocketPathBytes)
      expect(existsSync(path)).toBe(true)
    }
    expect(await Promise.all(endpoints.map(get))).toEqual(['one', 'two'])
  })

  test('a program that restarts itself finds its path free and keeps its endpoint', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'server.js')
    writeFileSync(file, `${say('before')}.on('listening', () => console.log('up 1'))`)
    const bench = new Bench()
    const observed = await bench.start({
      command: [process.execPath, '--watch', file],
      cwd: folder,
    })
    const endpoint = await observed.endpoint()
    expect(await get(endpoint)).toBe('before')
    const bound = endpoint.kind === 'unix' ? endpoint.path.replace(/a$/, 's') : ''
    // One that restarts sooner than a second after its start finds its own socket in its way, as anywhere.
    await expect.poll(() => existsSync(bound), { timeout: 15_000 }).toBe(false)
    writeFileSync(file, `${say('after')}.on('listening', () => console.log('up 2'))`)
    await observed.line(/up 2/)
    await expect.poll(() => get(endpoint).catch(String), { timeout: 15_000 }).toBe('after')
    expect(observed.statuses.filter((now) => now.is === 'running')).toHaveLength(1)
  })

  test('one port, written in the program, is good for two environments', async () => {
    const bench = new Bench()
    const run = { command: node('server.mjs', 'port=45678'), listen: 'reported-port' } as const
    const [one, two] = await Promise.all([bench.start(run, 'one'), bench.start(run, 'two')])
    const answers = await Promise.all(
      [one, two].map(async (observed) => getAnswer(await observed.endpoint())),
    )
    expect(answers.map(({ pid }) => pid)).toEqual([one.handle.pid, two.handle.pid])
    expect(answers[0]?.env).toMatchObject({ PORT: '0', HOST: '127.0.0.1' })
  })

  test('a picked port is in PORT and in place of {port}, and another one for each', async () => {
    const bench = new Bench()
    const run = { command: node('server.mjs', '{port}'), listen: 'picked-port' } as const
    const all = await Promise.all(['a', 'b', 'c'].map((id) => bench.start(run, id)))
    const endpoints = await Promise.all(all.map((observed) => observed.endpoint()))
    for (const [index, endpoint] of endpoints.entries()) {
      const answer = await getAnswer(endpoint)
      const port = endpoint.kind === 'tcp' ? String(endpoint.port) : ''
      expect(answer).toMatchObject({
        pid: all[index]?.handle.pid,
        argv: [port],
        env: { PORT: port },
      })
    }
    expect(new Set(endpoints.map((endpoint) => JSON.stringify(endpoint))).size).toBe(3)
  })

  test.runIf(onLinux).each([
    ['socket', /not on the socket in PORT so far: let it listen on process.env.PORT/],
    ['picked-port', /not on port \d+, which is in PORT and stands for \{port\}/],
  ] as const)('elsewhere than it should (%s): its output says so', async (listen, sentence) => {
    const bench = new Bench()
    const observed = await bench.start({
      command: script(`require('net').createServer().listen(0, '127.0.0.1')`),
      listen,
    })
    expect(await observed.line(/^alcove: it listens on 127.0.0.1:\d+/)).toMatch(sentence)
    expect(observed.statuses).toEqual([{ is: 'pending' }])
  })
})

describe('its end', () => {
  test.each<[string, string, ExitInfo]>([
    ['process.exit(3)', 'exited', { reason: 'exited', exitCode: 3 }],
    [
      `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`,
      'signalled',
      { reason: 'signalled', signal: 'SIGTERM' },
    ],
  ])('by %s is told as %s', async (code, _, exit) => {
    const bench = new Bench()
    const observed = await bench.start({ command: script(code) })
    expect(await observed.exit()).toEqual(exit)
  })

  test('is told after its last words, an unfinished line among them', async () => {
    const bench = new Bench()
    const handle = await bench.spawner.start(
      {
        command: script(
          `console.log('out'); process.stderr.write('last words'); process.exitCode = 1`,
        ),
      },
      contextFor('pr-1'),
    )
    const observed = await bench.observe(handle)
    let linesAtTheEnd: string[] = []
    const status = observed.status.bind(observed)
    observed.status = (now: Status) => {
      if (now.is === 'gone') linesAtTheEnd = [...observed.lines]
      status(now)
    }
    await observed.exit()
    // It may have been over before it was observed.
    expect((linesAtTheEnd.length > 0 ? linesAtTheEnd : observed.lines).toSorted()).toEqual([
      'last words',
      'out',
    ])
  })

  test.runIf(onLinux)('is told only when the rest of its tree is gone, too', async () => {
    const bench = new Bench()
    const observed = await bench.start({
      command: node('tree.mjs', 'stubborn', 'setsid', 'orphan'),
      env: { THEN: 'exit' },
    })
    const alive: number[] = []
    const status = observed.status.bind(observed)
    observed.status = (now: Status) => {
      if (now.is === 'gone') {
        const line = observed.lines.find((text) => text.startsWith('{')) ?? '{}'
        alive.push(...Object.values(JSON.parse(line) as Record<string, number>).filter(runs))
      }
      status(now)
    }
    expect(await observed.exit()).toEqual({ reason: 'exited', exitCode: 3 })
    expect(Object.keys(await pidsOf(observed))).toHaveLength(3)
    expect(alive).toEqual([])
  })

  test('is told to who comes late, and to nobody as anything else', async () => {
    const bench = new Bench()
    const observed = await bench.start({ command: script(`console.log('hello'); process.exit(7)`) })
    await observed.exit()
    const late = await bench.observe(observed.handle)
    expect(late.statuses).toEqual([{ is: 'gone', exit: { reason: 'exited', exitCode: 7 } }])
    const other = new Bench({ stateDir: bench.stateDir })
    expect((await other.observe(observed.handle)).statuses).toEqual([
      { is: 'gone', exit: { reason: 'lost' } },
    ])
  })

  test('leaves its folder to nobody', async () => {
    const bench = new Bench()
    const observed = await bench.start({ command: script(say('x')) })
    await observed.endpoint()
    expect(instancesIn(bench.stateDir)).toHaveLength(1)
    await observed.stop()
    expect(instancesIn(bench.stateDir)).toEqual([])
  })

  test.runIf(onLinux)('is brought about for all of its tree', async () => {
    const bench = new Bench()
    const observed = await bench.start({
      command: node('tree.mjs', 'stubborn', 'setsid', 'orphan', 'naked'),
    })
    const pids = [observed.handle.pid, ...Object.values(await pidsOf(observed))]
    expect(pids.filter(runs)).toHaveLength(5)
    await observed.stop(50)
    expect(pids.filter(runs)).toEqual([])
    expect((await observed.exit()).reason).toBe('signalled')
    await observed.stop(50)
  })

  test('may be waited for no longer', async () => {
    const bench = new Bench()
    const observed = await bench.start({
      command: script(
        `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')`,
      ),
    })
    await observed.line(/up/)
    const impatient = new AbortController()
    const stop = bench.spawner.stop(observed.handle, { graceMs: 60_000, signal: impatient.signal })
    impatient.abort(new Error('enough'))
    await expect(stop).rejects.toThrow('enough')
    expect(runs(observed.handle.pid)).toBe(true)
    await observed.stop(0)
    expect(runs(observed.handle.pid)).toBe(false)
  })
})

describe('a start', () => {
  test('that fails leaves nothing behind', async () => {
    const bench = new Bench()
    for (const run of [
      { command: ['no-such-program'] },
      { command: ['sleep', '60'], cwd: '/no/such/folder' },
    ]) {
      await expect(bench.spawner.start(run, contextFor('pr-1'))).rejects.toMatchObject({
        code: 'ALCOVE_SPAWN_FAILED',
        id: 'pr-1',
      })
    }
    expect(instancesIn(bench.stateDir)).toEqual([])
  })

  test('finds its folder again where that was cleaned away as old', async () => {
    const bench = new Bench()
    const first = await bench.start({ command: ['sleep', '60'] }, 'first')
    await first.stop()
    rmSync(bench.stateDir, { recursive: true })
    const second = await bench.start({ command: script(say('x')) }, 'second')
    expect(await get(await second.endpoint())).toBe('x')
    await second.stop()
    await bench.spawner.close()
    expect(readdirSync(bench.stateDir)).toEqual([])
  })

  test('that is malformed is refused', async () => {
    const bench = new Bench()
    await expect(bench.spawner.start({ command: [] }, contextFor('pr-1'))).rejects.toThrow(
      InvalidOptionError,
    )
  })

  test.each(['socket', 'picked-port'] as const)(
    'that is aborted leaves nothing behind (%s)',
    async (listen) => {
      const bench = new Bench()
      const mark = `MARK_${crypto.randomUUID().replaceAll('-', '')}`
      const over = new AbortController()
      const start = bench.spawner.start(
        { command: ['sleep', '60'], env: { [mark]: '1' }, listen },
        contextFor('pr-1', { signal: over.signal }),
      )
      over.abort(new Error('never mind'))
      await expect(start).rejects.toThrow('never mind')
      expect(instancesIn(bench.stateDir)).toEqual([])
      if (onLinux) expect(processesWith(mark)).toEqual([])
    },
  )

  test('after the end of the spawner is refused', async () => {
    const bench = new Bench()
    await bench.spawner.close()
    await expect(
      bench.spawner.start({ command: ['sleep', '60'] }, contextFor('pr-1')),
    ).rejects.toMatchObject({ code: 'ALCOVE_CLOSED' })
  })

  test('on Windows is refused in one sentence', async () => {
    const spawner = new ProcessSpawner(resolveOptions({}), { platform: 'win32' })
    await expect(spawner.start({ command: ['x'] }, contextFor('pr-1'))).rejects.toThrow(
      UnsupportedError,
    )
    await expect(spawner.capabilities()).rejects.toThrow(/needs Linux or macOS/)
  })

  test('is recorded with all that a later run has to know', async () => {
    const bench = new Bench()
    const { handle } = await bench.start({ command: ['sleep', '60'] })
    const record = JSON.parse(
      readFileSync(join(bench.stateDir, handle.dir, 'instance.json'), 'utf8'),
    ) as unknown
    expect(record).toMatchObject({
      v: 1,
      gateway: 'test',
      owner: 'somebody',
      specHash: 'hash',
      handle,
    })
    expect(handle).toMatchObject({ v: 1, id: 'pr-1', generation: 1, listen: 'socket' })
  })
})

describe('while it is suspended', () => {
  test('it does not answer, and it goes on where it was', async () => {
    const bench = new Bench()
    const observed = await bench.start({
      command: script(`let n = 0; setInterval(() => n++, 1); ${say('awake')}`),
    })
    const endpoint = await observed.endpoint()
    await bench.spawner.suspend(observed.handle)
    expect(observed.statuses.at(-1)).toEqual({ is: 'suspended', endpoint })
    const [before] = await bench.spawner.usage([observed.handle])
    const answer = get(endpoint)
    const [after] = await bench.spawner.usage([observed.handle])
    expect(after?.cpuMs).toBe(before?.cpuMs)
    await bench.spawner.resume(observed.handle)
    expect(await answer).toBe('awake')
    expect(observed.statuses.at(-1)).toEqual({ is: 'running', endpoint })
  })

  test('it can be ended', async () => {
    const bench = new Bench()
    const observed = await bench.start({ command: script(say('x')) })
    await observed.endpoint()
    await bench.spawner.suspend(observed.handle)
    await observed.stop(20_000)
    expect(await observed.exit()).toMatchObject({ signal: 'SIGTERM' })
  })
})

describe('what another process has started', () => {
  /** A spawner that is closed and lets its instance live, as a host does that ends on purpose. */
  async function leave(id = 'pr-1'): Promise<{ stateDir: string; observed: Observed }> {
    const bench = new Bench()
    const observed = await bench.start({ command: node('server.mjs') }, id)
    await observed.endpoint()
    await bench.spawner.close()
    return { stateDir: bench.stateDir, observed }
  }

  test('is observed by its handle alone, to its end', async () => {
    const bench = new Bench()
    const observed = await bench.start({ command: node('server.mjs') })
    const endpoint = await observed.endpoint()
    const other = new Bench({ stateDir: bench.stateDir })
    const foreign = await other.observe(observed.handle)
    expect(await foreign.endpoint()).toEqual(endpoint)
    await other.spawner.suspend(observed.handle)
    expect(foreign.statuses.at(-1)).toMatchObject({ is: 'suspended' })
    await other.spawner.resume(observed.handle)
    expect((await other.spawner.usage([observed.handle]))[0]?.memoryBytes).toBeGreaterThan(
      1_000_000,
    )
    await observed.stop()
    expect(await foreign.exit()).toEqual({ reason: 'lost' })
    expect(await other.spawner.usage([observed.handle])).toEqual([undefined])
  })

  test('goes to one of two that look for it at once', async () => {
    const { stateDir, observed } = await leave()
    const two = [new Bench({ stateDir }), new Bench({ stateDir })]
    const found = await Promise.all(
      two.map(({ spawner }) => Array.fromAsync(spawner.recover('test', never))),
    )
    expect(found.flat()).toEqual([
      {
        id: 'pr-1',
        generation: 1,
        owner: 'somebody',
        specHash: 'hash',
        createdAtMs: expect.any(Number) as number,
        handle: observed.handle,
      },
    ])
    const taker = two[found[0]?.length === 1 ? 0 : 1]
    const again = await taker?.observe(observed.handle)
    expect((await getAnswer((await again?.endpoint()) ?? { kind: 'dial' })).pid).toBe(
      observed.handle.pid,
    )
    await again?.stop(1000)
    expect(runs(observed.handle.pid)).toBe(false)
    await expect.poll(() => instancesIn(stateDir)).toEqual([])
  })

  test('is not listed for a gateway of another name', async () => {
    const { stateDir, observed } = await leave()
    const other = new Bench({ stateDir })
    expect(await Array.fromAsync(other.spawner.recover('another', never))).toEqual([])
    expect(runs(observed.handle.pid)).toBe(true)
    const [found] = await Array.fromAsync(other.spawner.recover('test', never))
    if (found) await other.spawner.stop(found.handle, { graceMs: 0, signal: never })
    expect(runs(observed.handle.pid)).toBe(false)
  })

  test('and ended long ago is swept away', async () => {
    const stateDir = temporaryFolder()
    const { RunFolder } = await import('./run-folder.js')
    const dead = RunFolder.create(stateDir, { pid: process.pid, startTime: '1@another' })
    dead.makeInstance()
    const instance = dead.makeInstance()
    dead.write(instance, {
      v: 1,
      gateway: 'test',
      owner: 'o',
      specHash: 'h',
      createdAtMs: 0,
      handle: {
        v: 1,
        id: 'pr-1',
        generation: 1,
        pid: process.ppid,
        startTime: '1@another',
        token: '0'.repeat(32),
        dir: `${dead.name}/${instance}`,
        listen: 'socket',
      },
    })
    const bench = new Bench({ stateDir })
    expect(await Array.fromAsync(bench.spawner.recover('test', never))).toEqual([])
    expect(readdirSync(stateDir)).toEqual([])
    expect(runs(process.ppid)).toBe(true)
  })

  test.runIf(onLinux)(
    'is found by its token where its host died before it could note the pid',
    async () => {
      const stateDir = temporaryFolder()
      const { RunFolder } = await import('./run-folder.js')
      const dead = RunFolder.create(stateDir, { pid: 2 ** 22, startTime: '1@another' })
      const instance = dead.makeInstance()
      const token = crypto.randomUUID().replaceAll('-', '')
      const child = spawn('sleep', ['60'], {
        detached: true,
        stdio: 'ignore',
        env: { PATH: process.env['PATH'], ALCOVE_INSTANCE: token },
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      await once(child, 'spawn')
      const handle = {
        v: 1,
        id: 'pr-1',
        generation: 1,
        pid: 0,
        startTime: '',
        token,
        dir: `${dead.name}/${instance}`,
        listen: 'socket',
      } as const
      dead.write(instance, {
        v: 1,
        gateway: 'test',
        owner: 'o',
        specHash: 'h',
        createdAtMs: 0,
        handle,
      })
      const bench = new Bench({ stateDir })
      const [found] = await Array.fromAsync(bench.spawner.recover('test', never))
      expect(found?.handle).toMatchObject({ pid: child.pid, token })
      await bench.spawner.stop(found?.handle ?? handle, { graceMs: 1000, signal: never })
      expect(runs(child.pid ?? 0)).toBe(false)
    },
  )

  test.each([
    { v: 2 },
    { token: '' },
    { dir: '../../etc' },
    { dir: '01234567/../x' },
    { pid: -1 },
    { pid: 1.5 },
  ])('is left alone where its handle can’t be right: %j', async (wrong) => {
    const bench = new Bench()
    const { handle } = await bench.start({ command: ['sleep', '60'] })
    const broken = { ...handle, ...wrong } as typeof handle
    const { spawner } = bench
    await expect(spawner.stop(broken, { graceMs: 0, signal: never })).rejects.toThrow(
      SpawnerUnavailableError,
    )
    await expect(bench.observe(broken)).rejects.toThrow(SpawnerUnavailableError)
    expect(runs(handle.pid)).toBe(true)
  })
})

describe.runIf(onLinux)('its watchdog', () => {
  const watchdogIn = (stateDir: string): number => {
    const [run = ''] = readdirSync(stateDir)
    const record = readFileSync(join(stateDir, run, 'watchdog.json'), 'utf8')
    return (JSON.parse(record) as { pid: number }).pid
  }

  test('is there with the first environment, is replaced when it dies, and ends with the spawner', async () => {
    const bench = new Bench()
    await bench.start({ command: ['sleep', '60'] }, 'first')
    const first = watchdogIn(bench.stateDir)
    expect(runs(first)).toBe(true)
    await bench.start({ command: ['sleep', '60'] }, 'second')
    expect(watchdogIn(bench.stateDir)).toBe(first)
    process.kill(first, 'SIGKILL')
    await expect.poll(() => watchdogIn(bench.stateDir)).not.toBe(first)
    const next = watchdogIn(bench.stateDir)
    const third = await bench.start({ command: ['sleep', '60'] }, 'third')
    expect(watchdogIn(bench.stateDir)).toBe(next)
    expect(runs(next)).toBe(true)
    await third.stop()
    expect(runs(next)).toBe(true)
  })

  test('is not ended by what ends a terminal’s programs', async () => {
    const bench = new Bench()
    await bench.start({ command: ['sleep', '60'] })
    const watchdog = watchdogIn(bench.stateDir)
    // Its handlers are there once it has its title.
    await expect
      .poll(() => readFileSync(`/proc/${watchdog}/comm`, 'latin1'))
      .toMatch(/^alcove-watchdo/)
    await expect.poll(() => ignored(watchdog)).toBe(true)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(watchdog, signal)
    await bench.start({ command: ['sleep', '60'] }, 'second')
    expect(watchdogIn(bench.stateDir)).toBe(watchdog)
    expect(runs(watchdog)).toBe(true)
  })

  test('costs little memory and holds nothing of the host open but its pipe', async () => {
    const bench = new Bench()
    await bench.start({ command: ['sleep', '60'] })
    const watchdog = watchdogIn(bench.stateDir)
    expect(readFileSync(`/proc/${watchdog}/environ`, 'latin1')).not.toContain('PATH=')
    expect(readFileSync(`/proc/${watchdog}/cmdline`, 'latin1')).toContain('--max-old-space-size=16')
  })

  test('of a spawner that left something running stays until that has ended', async () => {
    const bench = new Bench()
    const observed = await bench.start({ command: ['sleep', '60'] })
    const watchdog = watchdogIn(bench.stateDir)
    await bench.spawner.close()
    expect([watchdog, observed.handle.pid].every(runs)).toBe(true)
    process.kill(observed.handle.pid, 'SIGKILL')
    await expect.poll(() => runs(watchdog), { timeout: 10_000 }).toBe(false)
    await expect.poll(() => readdirSync(bench.stateDir)).toEqual([])
  })

  /** SIGHUP, SIGINT and SIGTERM are caught: bits 0, 1 and 14 of SigCgt in proc_pid_status(5). */
  function ignored(pid: number): boolean {
    const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return (BigInt(`0x${mask ?? 0}`) & 0x4003n) === 0x4003n
  }
})

function processesWith(variable: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(variable)
    } catch {
      return false
    }
  })
}
