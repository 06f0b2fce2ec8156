import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AlcoveError } from '../../errors.js'
import type { Status } from '../spawner.js'
import { BuiltCore } from './fixtures/built-host.js'
import {
  Bench,
  contextFor,
  get,
  getAnswer,
  never,
  node,
  runs,
  temporaryFolder,
} from './fixtures/harness.js'
import { foldersIn, readRecord } from './state-directory.js'

const onLinux = process.platform === 'linux'

describe('an environment’s variables', () => {
  test('are the allowed ones, its own and Alcove’s: the host’s secrets stay with the host', async () => {
    process.env['DATABASE_PASSWORD'] = 'hunter2'
    process.env['NPM_CONFIG_COLOR'] = 'always'
    onTestFinished(() => {
      delete process.env['DATABASE_PASSWORD']
      delete process.env['NPM_CONFIG_COLOR']
    })
    const { start } = benchOf({ inheritEnv: ['PATH', 'NPM_CONFIG_*'] })
    const observed = await start({ command: node('server.mjs'), env: { OWN: '{id} at {port}' } })
    const { env } = await getAnswer(await observed.endpoint())
    const { PORT, ALCOVE_INSTANCE, ALCOVE_HOST, ...rest } = env
    expect(JSON.stringify(env)).not.toContain('hunter2')
    expect(rest).toMatchObject({ OWN: `pr-1 at ${PORT}`, NPM_CONFIG_COLOR: 'always' })
    expect(
      Object.keys(rest).filter((name) => !/^(OWN|PATH|NPM_CONFIG_COLOR|ALCOVE_|HOST$)/.test(name)),
    ).toEqual([])
    expect(
      [ALCOVE_INSTANCE, ALCOVE_HOST].every((token) => /^[0-9a-f]{32}$/.test(token ?? '')),
    ).toBe(true)
  })

  test.runIf(onLinux)(
    'and open files: nothing of the host’s, nor of another environment’s',
    async () => {
      const { start } = benchOf()
      const other = createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      onTestFinished(() => void other.close())
      // What this very process was started with, and lets through to any child.
      const bare = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'pipe'] })
      onTestFinished(() => void bare.kill())
      await start({ command: ['sleep', '60'] }, 'first')
      const observed = await start({ command: ['sleep', '60'] })
      // A program that is just being loaded has its libraries open, too.
      await expect
        .poll(() => openFiles(observed.handle.pid).length)
        .toBe(openFiles(bare.pid ?? 0).length)
      expect(openFiles(observed.handle.pid)[0]).toBe('/dev/null')
    },
  )
})

describe('arguments', () => {
  test('are passed as they are: no shell sees them', async () => {
    const { start } = benchOf()
    const strange = [
      '$(touch /tmp/x)',
      '; exit',
      '`id`',
      '"',
      "'",
      '*',
      'a b',
      '{id}',
      '{port}',
      '--x={id}',
    ]
    const observed = await start({ command: node('server.mjs', ...strange) })
    const { argv, env } = await getAnswer(await observed.endpoint())
    expect(argv).toEqual([...strange.slice(0, 7), 'pr-1', env['PORT'], '--x=pr-1'])
  })
})

describe('a port that was picked', () => {
  test('is nobody’s but the child’s: a stranger on it does not pass', async () => {
    const stranger = createServer((socket) => {
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n')
    }).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    onTestFinished(() => void stranger.close())
    const { port } = stranger.address() as { port: number }
    const { spawner } = benchOf({}, port)
    const run = { command: node('server.mjs'), listen: 'picked-port' } as const
    const reason = await spawner.start(run, contextFor('pr-1')).then(
      async (handle) => {
        const told = Promise.withResolvers<string>()
        const status = (now: Status): void => {
          if (now.is === 'running') told.reject(new Error('A stranger passed'))
          if (now.is === 'gone') told.resolve(now.exit.reason)
        }
        status(await spawner.observe(handle, { log() {}, progress() {}, status }, never))
        return told.promise
      },
      (error: unknown) => (error as AlcoveError).code,
    )
    expect(reason).toMatch(/^(port-taken|ALCOVE_PORT_TAKEN)$/)
  })
})

describe('output', () => {
  test('of hundreds of megabytes costs the host next to nothing', async () => {
    const { start } = benchOf()
    const before = process.memoryUsage.rss()
    const observed = await start({
      command: [
        process.execPath,
        '-e',
        `
        const line = 'x'.repeat(99) + '\\n'
        const block = line.repeat(10_000)
        let left = 200
        const write = () => { while (left-- > 0) if (!process.stdout.write(block)) return process.stdout.once('drain', write); process.stdout.write('done\\n') }
        write()`,
      ],
    })
    observed.log = (line) => {
      if (line === 'done') observed.lines.push(line)
    }
    await observed.exit()
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 2 ** 20)
  })
})

describe.runIf(onLinux)('the watchdog', () => {
  let core: BuiltCore

  beforeAll(async () => {
    core = await BuiltCore.build()
  })
  afterAll(() => core.remove())

  test('ends all of a killed host’s environments within 5 s, whatever became of their families', async () => {
    const stateDir = temporaryFolder()
    const { child, pids } = await core.host(stateDir)
    expect(pids).toHaveLength(6)
    expect(pids.every(runs)).toBe(true)
    const groups = groupsNotedIn(stateDir)
    expect(groups.every((group) => existsSync(group))).toBe(true)
    const killedMs = performance.now()
    child.kill('SIGKILL')
    await once(child, 'exit')
    while (pids.some(runs)) {
      expect(performance.now() - killedMs).toBeLessThan(5_000)
      // They are nobody's children, whose exit would be told.
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
    while (readdirSync(stateDir).length > 0) {
      expect(performance.now() - killedMs).toBeLessThan(10_000)
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
    expect(groups.filter((group) => existsSync(group))).toEqual([])
  })

  test('leaves nothing to do but for the next start where it was killed too', async () => {
    const stateDir = temporaryFolder()
    const { child, pids } = await core.host(stateDir)
    const watchdog = childrenOf(child.pid ?? 0).find((pid) => !pids.includes(pid))
    // It would replace its watchdog.
    child.kill('SIGSTOP')
    process.kill(watchdog ?? 0, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(pids.every(runs)).toBe(true)
    const next = new Bench({ stateDir })
    const groups = groupsNotedIn(stateDir)
    const found = await Array.fromAsync(next.spawner.recover('killed', never))
    expect(found.map(({ id }) => id).sort()).toEqual(['a', 'b'])
    await Promise.all(
      found.map(async ({ handle }) => next.spawner.stop(handle, { graceMs: 100, signal: never })),
    )
    expect(pids.filter(runs)).toEqual([])
    expect(groups.filter((group) => existsSync(group))).toEqual([])
  })

  test('of a living host is not touched by another gateway of its name', async () => {
    const stateDir = temporaryFolder()
    const { pids } = await core.host(stateDir)
    const other = new Bench({ stateDir })
    expect(await Array.fromAsync(other.spawner.recover('killed', never))).toEqual([])
    expect(pids.every(runs)).toBe(true)
  })
})

test('nothing of it is left once it is closed: no process, no file', async () => {
  const stateDir = temporaryFolder()
  const bench = new Bench({ stateDir })
  const observed = await bench.start({ command: node('family.mjs') })
  const pids = JSON.parse(await get(await observed.endpoint())) as number[]
  await observed.stop(100)
  expect(pids.filter(runs)).toEqual([])
  await bench.spawner.close()
  expect(readdirSync(stateDir)).toEqual([])
})

function benchOf(
  options: ConstructorParameters<typeof Bench>[0] = {},
  port?: number,
): { spawner: Bench['spawner']; start: Bench['start'] } {
  const bench = new Bench(
    options,
    port === undefined ? {} : { pickPort: async () => ({ port, release() {} }) },
  )
  return { spawner: bench.spawner, start: bench.start.bind(bench) }
}

/** The control groups that are told to whoever cleans up; none where this host has no such way. */
function groupsNotedIn(stateDir: string): string[] {
  return foldersIn(stateDir).flatMap((run) => {
    const group = readRecord(join(stateDir, run, 'group.json'))?.['group']
    return typeof group === 'string' ? [group] : []
  })
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).map((name) => readlinkSync(join(folder, name)))
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number)
}
