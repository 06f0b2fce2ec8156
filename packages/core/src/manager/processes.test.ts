import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Spec } from '../environment/spec.js'
import type { AlcoveError } from '../errors.js'
import { httpReadiness } from '../readiness/http.js'
import { logLineReadiness } from '../readiness/log-line.js'
import type { ProcessRun } from '../spawning/process/run.js'
import { processSpawner } from '../spawning/process/process-spawner.js'
import { EnvironmentManager } from './manager.js'

let manager: EnvironmentManager

beforeEach(() => {
  manager = new EnvironmentManager({ spawner: processSpawner(), graceMs: 2_000 })
})
afterEach(() => manager.close({ drainMs: 0 }))

/** A program for `node -e`. */
const node = (program: string, more: Partial<ProcessRun> = {}): Spec => ({
  run: { command: [process.execPath, '-e', program], ...more },
})
const answer =
  'require("http").createServer((q, s) => s.end(JSON.stringify({pid: process.pid, path: q.url})))'
const server = `${answer}.listen(process.env.PORT)`

async function failure(
  promise: Promise<unknown>,
): Promise<AlcoveError & { lastLogLines: string[] }> {
  return promise.then(
    () => {
      throw new Error('It was expected to fail')
    },
    (error: unknown) => error as AlcoveError & { lastLogLines: string[] },
  )
}

/** A zombie, which a container's init may leave, runs nothing any more. */
function isAlive(pid: number): boolean {
  const state = execFileSync('ps', ['-o', 'stat=', '-p', `${pid},${process.pid}`], {
    encoding: 'utf8',
  })
  const [first = '', second] = state.trim().split('\n')
  return second !== undefined && !first.startsWith('Z') && !second.startsWith('Z')
}

async function pidOf(id: string): Promise<number> {
  const response = await manager.get(id)!.fetch('/')
  return ((await response.json()) as { pid: number }).pid
}

describe('create() with real processes', () => {
  it.each([
    ['a socket', 'process.env.PORT', 'socket'],
    ['a port of its own choice', '34567', 'reported-port'],
    ['a port that was picked for it', 'process.env.PORT, "127.0.0.1"', 'picked-port'],
  ] as const)('reaches a program that listens on %s', async (_what, where, listen) => {
    const environment = await manager.create('a', node(`${answer}.listen(${where})`, { listen }))
    const response = await environment.fetch('/deep/path?x=1')
    expect(await response.json()).toMatchObject({ path: '/deep/path?x=1' })
    expect(environment.url === undefined).toBe(listen === 'socket')
    if (environment.url) expect((await fetch(environment.url)).status).toBe(200)
  })

  it.each([
    ['a socket', 'process.env.PORT', 'socket'],
    ['a port of its own choice', '34567', 'reported-port'],
    ['a port that was picked for it', 'process.env.PORT, "127.0.0.1"', 'picked-port'],
  ] as const)(
    'replaces a program that listens on %s while it is asked',
    async (_what, where, listen) => {
      const spec = (version: string): Spec =>
        node(`${answer}.listen(${where})`, { listen, env: { VERSION: version } })
      const environment = await manager.create('a', spec('1'))
      const before = await pidOf('a')
      const asked: Promise<number>[] = []
      const ask = (): void => void asked.push(pidOf('a'))
      manager.on('transition', ask)
      await manager.create('a', spec('2'))
      const after = await pidOf('a')
      manager.off('transition', ask)
      expect(after).not.toBe(before)
      expect(environment.generation).toBe(2)
      const pids = await Promise.all(asked)
      expect(pids.length).toBeGreaterThan(3)
      expect(new Set(pids)).toEqual(new Set([before, after]))
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (manager.explain('a').history.at(-1)?.to === 'stopped') resolve()
        }
        manager.on('transition', look)
        look()
      })
      expect(isAlive(before)).toBe(false)
    },
  )

  it('starts one process for 200 callers', async () => {
    const spec = node(server)
    const pids = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const environment = await manager.create('a', spec)
        return ((await (await environment.fetch('/')).json()) as { pid: number }).pid
      }),
    )
    expect(new Set(pids).size).toBe(1)
    expect(manager.explain('a').leases.request).toBe(0)
  })

  it('ends the whole tree', async () => {
    const program = `const {spawn} = require("child_process")
      const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('child is up')"], {stdio: "inherit", detached: true})
      require("http").createServer((q, s) => s.end(JSON.stringify({pid: child.pid}))).listen(process.env.PORT)`
    const up = logLineReadiness({ pattern: 'child is up' })
    await manager.create('a', { ...node(program), policy: { readiness: up, graceMs: 100 } })
    const grandchild = await pidOf('a')
    expect(isAlive(grandchild)).toBe(true)
    await manager.stop('a', { drainMs: 0 })
    expect(isAlive(grandchild)).toBe(false)
  })

  it('waits for the readiness that a spec asks for', async () => {
    const program = `let asked = 0
      require("http").createServer((q, s) => { s.statusCode = ++asked > 3 ? 200 : 503; s.end(String(asked)) }).listen(process.env.PORT)`
    const environment = await manager.create('a', {
      ...node(program),
      policy: { readiness: httpReadiness({ path: '/health', status: 200 }) },
    })
    expect(await (await environment.fetch('/')).text()).toBe('5')
  })

  it('restarts a killed one after its back-off, under a new generation', async () => {
    await manager.close({ drainMs: 0 })
    manager = new EnvironmentManager({ spawner: processSpawner(), initialBackOffMs: 1 })
    await manager.create('a', node(server))
    const pid = await pidOf('a')
    const failed = new Promise<void>((resolve) => {
      manager.on('transition', ({ to }) => {
        if (to === 'failed') resolve()
      })
    })
    process.kill(pid, 'SIGKILL')
    await failed
    expect(manager.explain('a').failure?.reason).toMatch(/^Environment "a" was ended by SIGKILL/)
    const next = await manager.acquire('a').catch(() => manager.restart('a'))
    expect(next).toBeDefined()
    expect(manager.get('a')!.generation).toBe(2)
    expect(await pidOf('a')).not.toBe(pid)
  })
})

describe('what goes wrong is said in one sentence, and nothing is left', () => {
  afterEach(async () => {
    expect(manager.list().every(({ state }) => state === 'failed')).toBe(true)
    const handles = manager.list().map((environment) => environment.endpoint)
    expect(handles.every((endpoint) => endpoint === undefined)).toBe(true)
  })

  it('a missing command', async () => {
    const error = await failure(manager.create('a', { run: { command: ['no-such-command'] } }))
    expect(error.code).toBe('ALCOVE_SPAWN_FAILED')
    expect(error.message).toBe(
      'Environment "a" could not start: there is no command "no-such-command" on its PATH; install it, or name it by its full path in `command`',
    )
  })

  it('a missing working directory', async () => {
    const error = await failure(manager.create('a', node(server, { cwd: '/no/such/folder' })))
    expect(error.code).toBe('ALCOVE_SPAWN_FAILED')
    expect(error.message).toContain('its working directory "/no/such/folder" does not exist')
  })

  it('a crash at the start, with exit code and last lines, long before the timeout', async () => {
    const error = await failure(
      manager.create('a', node('console.error("no database"); process.exitCode = 7')),
    )
    expect(error).toMatchObject({
      code: 'ALCOVE_INSTANCE_GONE',
      reason: 'Environment "a" exited with code 7 before it was ready',
      lastLogLines: ['no database'],
      exit: { reason: 'exited', exitCode: 7 },
    })
    expect(error.message).toContain('no database')
  })

  it('a program that never listens', async () => {
    const error = await failure(
      manager.create('a', {
        ...node('console.log(process.pid); setInterval(() => {}, 1000)'),
        policy: { readyTimeoutMs: 700, graceMs: 100 },
      }),
    )
    expect(error.code).toBe('ALCOVE_READY_TIMEOUT')
    expect(error.message).toContain('was started and not ready within 700 ms')
    expect(isAlive(Number(error.lastLogLines[0]))).toBe(false)
  })

  it('a port that is taken, by a stranger who answers there', async () => {
    const stranger = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
    stranger.listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as { port: number }
    // Goes for a fixed port, whichever it was given.
    const program = `${answer}.listen(${port}, "127.0.0.1")`
    const error = await failure(
      manager.create('a', {
        ...node(program, { listen: 'picked-port' }),
        policy: { readyTimeoutMs: 5_000 },
      }),
    )
    expect(error.code).toMatch(/ALCOVE_(INSTANCE_GONE|PORT_TAKEN)/)
    stranger.close()
  })

  it.each([
    [{ comand: ['x'] }, 'did you mean `command`?'],
    [{ command: 'npm run dev' }, 'command'],
    [{ command: [] }, 'command'],
    [{ command: ['x'], listen: 'udp' }, '"socket"'],
    [{ command: ['x'], env: { A: 1 } }, 'env'],
  ])('a run that makes no sense: %j', async (run, message) => {
    const error = await failure(manager.create('a', { run }))
    expect(error.code).toBe('ALCOVE_INVALID_OPTION')
    expect(error.message).toContain(message)
  })
})

describe('suspendAfterMs with real processes', () => {
  /** Burns CPU all the time, itself and in a child. */
  const burner = `
    const { spawn } = require("child_process")
    const child = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" })
    setInterval(() => { const end = Date.now() + 5; while (Date.now() < end); }, 10)
    require("http").createServer((q, s) => s.end(JSON.stringify([process.pid, child.pid]))).listen(process.env.PORT)`

  function isStopped(pid: number): boolean {
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith(
      'T',
    )
  }

  it('stops all of a program from running, and lets it go on for the next request', async () => {
    const environment = await manager.create('a', {
      ...node(burner),
      policy: { suspendAfterMs: 300 },
    })
    const lease = await manager.acquire('a')
    const pids = (await (await environment.fetch('/')).json()) as number[]
    expect(pids.map(isStopped)).toEqual([false, false])
    const suspended = new Promise<void>((resolve) => {
      manager.on('transition', ({ to }) => {
        if (to === 'suspended') resolve()
      })
    })
    lease.release()
    await suspended
    expect(pids.map(isStopped)).toEqual([true, true])
    // Kept, so that it is not frozen again meanwhile.
    const again = await manager.acquire('a')
    const response = await environment.fetch('/')
    expect(await response.json()).toEqual(pids)
    expect(environment.generation).toBe(1)
    expect(pids.map(isStopped)).toEqual([false, false])
    again.release()
  })

  it('ends one that is suspended, all of it', async () => {
    await manager.create('a', { ...node(burner), policy: { suspendAfterMs: 300 } })
    const lease = await manager.acquire('a')
    const response = await manager.get('a')?.fetch('/')
    const pids = (await response?.json()) as number[]
    await new Promise<void>((resolve) => {
      manager.on('transition', ({ to }) => {
        if (to === 'suspended') resolve()
      })
      lease.release()
    })
    await manager.stop('a')
    expect(pids.map(isAlive)).toEqual([false, false])
  })
})
