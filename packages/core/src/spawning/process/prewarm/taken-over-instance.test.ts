import { once } from 'node:events'
import { readFileSync, symlinkSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { get, runs } from '../fixtures/harness.js'
import { folderOf, project, type Start, WarmBench } from '../fixtures/warm-bench.js'
import type { ListenMode, ProcessRun } from '../run.js'
import { readRecord } from '../state-directory.js'

const onLinux = process.platform === 'linux'
const prewarm = { size: 1, preload: ['counted'] }
/** The same program, started the usual way and in a process that waited. */
async function both(run: ProcessRun): Promise<readonly [Start, Start]> {
  const bench = new WarmBench()
  const cold = await bench.start(run, 'cold')
  await cold.observed.endpoint()
  await bench.untilWaiting(1)
  const warm = await bench.start(run, 'warm')
  return [cold, warm]
}

const answerOf = async ({ observed }: Start): Promise<Record<string, unknown>> =>
  JSON.parse(await get(await observed.endpoint())) as Record<string, unknown>

describe.each<ListenMode>(['socket', 'reported-port', 'picked-port'])(
  'listening by %s',
  (listen) => {
    test('a program sees what it sees when it is started the usual way', async () => {
      const cwd = folderOf(project)
      const command = [process.execPath, '--stack-trace-limit=20', 'server.cjs', '--flag', '{id}']
      const starts = await both({ command, cwd, listen, prewarm, env: { OWN: 'of {id}' } })
      const [cold, warm] = await Promise.all(starts.map(answerOf))
      const [, { observed, phases }] = starts
      expect(phases.get('prewarmed')).toMatch(
        /^process \d+, which had loaded counted, was taken over$/,
      )
      expect(warm?.['pid']).toBe(observed.handle.pid)
      // What each instance has its own of; `ps` shows what the process was born as, and so does process.title.
      const own = ['pid', 'title', 'handles']
      for (const name of own) delete cold?.[name]
      for (const name of own) delete warm?.[name]
      const asCold = JSON.stringify(warm)
        .replaceAll(observed.handle.token, starts[0].observed.handle.token)
        .replaceAll(observed.handle.dir, starts[0].observed.handle.dir)
        .replaceAll(String(observed.handle.port), String(starts[0].observed.handle.port))
        .replaceAll('"warm"', '"cold"')
        .replaceAll('of warm', 'of cold')
      const sorted = (answer: unknown): unknown => ({
        ...(answer as object),
        modules: ((answer as { modules: string[] }).modules ?? []).toSorted(),
      })
      expect(sorted(JSON.parse(asCold))).toEqual(sorted(cold))
      expect(warm).toMatchObject({ isMain: true, send: 'undefined', cwd, users: 1 })
    })
  },
)

test('what is loaded is shared by folders that lead to the same files', async () => {
  const main = folderOf(project)
  const branch = folderOf({ 'server.cjs': project['server.cjs'] })
  symlinkSync(join(main, 'node_modules'), join(branch, 'node_modules'))
  const bench = new WarmBench()
  const pid = await bench.warmUp({ command: [process.execPath, 'server.cjs'], cwd: main, prewarm })
  const start = await bench.start(
    { command: [process.execPath, 'server.cjs'], cwd: branch, prewarm },
    'branch',
  )
  expect(await answerOf(start)).toMatchObject({ pid, cwd: branch, users: 1 })
})

describe('an entry', () => {
  const programs = {
    'esm.mjs': `
      import counted from 'counted'
      import { createServer } from 'node:http'
      await new Promise((resolve) => setTimeout(resolve, 1))
      const report = { url: import.meta.filename, main: import.meta.main, users: (counted.users += 1), pid: process.pid }
      createServer((_, response) => response.end(JSON.stringify(report))).listen(process.env.PORT)`,
    'typed.ts': `
      import type { Server } from 'node:http'
      const { createServer } = await import('node:http')
      const server: Server = createServer((_, response) => response.end('{"typed":true}'))
      server.listen(process.env['PORT'])`,
    'worker.cjs': `
      const { Worker, isMainThread, parentPort } = require('node:worker_threads')
      if (!isMainThread) return void parentPort.postMessage(process.env.ALCOVE_PREWARM ?? 'none')
      new Worker(__filename).once('message', (said) =>
        require('node:http').createServer((_, response) => response.end(JSON.stringify({ said }))).listen(process.env.PORT))`,
    'fork.cjs': `
      if (process.send) return void process.send([process.env.NODE_OPTIONS ?? 'none', process.execArgv])
      require('node:child_process').fork(__filename).once('message', (said) =>
        require('node:http').createServer((_, response) => response.end(JSON.stringify({ said }))).listen(process.env.PORT))`,
    'node_modules/own-preload/index.js': 'globalThis.seen = [process.env.OWN, process.cwd()]',
    'preloaded.cjs':
      "require('node:http').createServer((_, response) => response.end(JSON.stringify({ seen }))).listen(process.env.PORT)",
  }
  const cwd = (): string => folderOf({ ...project, ...programs })

  test('may be an ES module that awaits', async () => {
    const folder = cwd()
    const [cold, warm] = await both({
      command: [process.execPath, 'esm.mjs'],
      cwd: folder,
      prewarm,
    })
    const { pid } = warm.observed.handle
    const answer = await answerOf(warm)
    expect(answer).toMatchObject({ url: join(folder, 'esm.mjs'), users: 1, pid })
    // Not every version of Node.js has it.
    expect(answer['main']).toBe((await answerOf(cold))['main'])
    expect(warm.phases.has('prewarmed')).toBe(true)
  })

  test.each([
    ['be TypeScript', ['typed.ts'], { typed: true }],
    ['start threads, which wait for nobody', ['worker.cjs'], { said: 'none' }],
    ['start programs, which wait for nobody', ['fork.cjs'], { said: ['none', []] }],
  ])('may %s', async (_, args, answer) => {
    const [, warm] = await both({ command: [process.execPath, ...args], cwd: cwd(), prewarm })
    expect(warm.phases.has('prewarmed')).toBe(true)
    expect(await answerOf(warm)).toEqual(answer)
  })

  test('has the modules of its own flags loaded with its own variables, in its own folder', async () => {
    const folder = cwd()
    const command = [process.execPath, '-r', 'own-preload', 'preloaded.cjs']
    const [, warm] = await both({ command, cwd: folder, prewarm, env: { OWN: '{id}' } })
    expect(warm.phases.has('prewarmed')).toBe(true)
    expect(await answerOf(warm)).toEqual({ seen: ['warm', folder] })
  })
})

describe('an end', () => {
  const programs = {
    'exits.cjs': "if (process.argv[2] === 'cold') require('./server.cjs'); else process.exit(7)",
    'throws.cjs':
      "if (process.argv[2] === 'cold') require('./server.cjs'); else throw new TypeError('out of order')",
    'rejects.mjs':
      "if (process.argv[2] === 'cold') await import('./server.cjs'); else await Promise.reject(new TypeError('out of order'))",
  }

  test.each([
    ['exits.cjs', 7],
    ['throws.cjs', 1],
    ['rejects.mjs', 1],
  ])('of %s is told with its own exit code, %d', async (entry, exitCode) => {
    const cwd = folderOf({ ...project, ...programs })
    const command = [process.execPath, entry, '{id}']
    const [, { observed, phases }] = await both({ command, cwd, prewarm })
    expect(phases.has('prewarmed')).toBe(true)
    expect(await observed.exit()).toEqual({ reason: 'exited', exitCode })
    const bare = spawn(process.execPath, [entry, 'warm'], {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [expected] = await Promise.all([text(bare.stderr), once(bare, 'exit')])
    expect(observed.lines.join('\n').trim()).toBe(expected.trim())
  })
})

describe('output while modules are loaded', () => {
  test('is told to the environment that takes the process over, and to no other', async () => {
    const cwd = folderOf({
      ...project,
      'node_modules/counted/index.js': "console.log('loaded by', process.pid); exports.users = 0",
    })
    const bench = new WarmBench()
    const run = { command: [process.execPath, 'server.cjs'], cwd, prewarm }
    const first = await bench.start(run, 'first')
    await first.observed.endpoint()
    const pid = await bench.untilWaiting(1)
    const second = await bench.start(run, 'second')
    await second.observed.line(/^loaded by/)
    await second.observed.endpoint()
    expect(second.observed.lines).toEqual([`loaded by ${pid}`])
    expect(first.observed.lines).toEqual([`loaded by ${first.observed.handle.pid}`])
  })

  test('may be more than a pipe holds', async () => {
    const cwd = folderOf({
      ...project,
      'node_modules/counted/index.js':
        "for (let line = 0; line < 20_000; line += 1) console.log('x'.repeat(99)); exports.users = 0",
    })
    const bench = new WarmBench()
    await bench.warmUp({ command: [process.execPath, 'server.cjs'], cwd, prewarm })
  })
})

test('it is recorded as any other, to be found by a later host', async () => {
  const bench = new WarmBench()
  const run = { command: [process.execPath, 'server.cjs'], cwd: folderOf(project), prewarm }
  await bench.warmUp(run)
  const { observed, phases } = await bench.start(run, 'second')
  expect(phases.has('prewarmed')).toBe(true)
  const { handle } = observed
  const record = readRecord(join(bench.bench.stateDir, handle.dir, 'instance.json'))
  expect(record).toMatchObject({ gateway: 'test', owner: 'somebody', specHash: 'hash', handle })
  expect(record).not.toHaveProperty('waiting')
})

test.runIf(onLinux)(
  'its token is in what /proc shows of it, and all that it starts is ended with it',
  async () => {
    const cwd = folderOf({
      ...project,
      'family.cjs': `
      const child = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
      require('node:http').createServer((_, response) => response.end(JSON.stringify(child.pid))).listen(process.env.PORT)`,
    })
    const [, { observed }] = await both({ command: [process.execPath, 'family.cjs'], cwd, prewarm })
    const pid = Number(await get(await observed.endpoint()))
    expect(readFileSync(`/proc/${observed.handle.pid}/environ`, 'latin1')).toContain(
      observed.handle.token,
    )
    expect(runs(pid)).toBe(true)
    await observed.stop(100)
    expect(runs(pid)).toBe(false)
  },
)
