import { readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { get, runs } from '../fixtures/harness.js'
import {
  folderOf,
  project,
  recordedAsWaiting,
  type Start,
  until,
  WarmBench,
} from '../fixtures/warm-bench.js'
import type { ProcessRun } from '../run.js'

const onLinux = process.platform === 'linux'
const counted = 'node_modules/counted/index.js'

function runIn(cwd: string, more: Partial<ProcessRun> = {}): ProcessRun {
  const command = [process.execPath, 'server.cjs']
  return { command, cwd, prewarm: { size: 1, preload: ['counted'] }, ...more }
}

async function usersOf({ observed }: Start): Promise<number> {
  return (JSON.parse(await get(await observed.endpoint())) as { users: number }).users
}

describe('a process that waits', () => {
  test('is for one environment, once: of two at a time one gets it', async () => {
    const bench = new WarmBench()
    const run = runIn(folderOf(project))
    const pid = await bench.warmUp(run)
    const starts = await Promise.all(['a', 'b'].map((id) => bench.start(run, id)))
    expect(starts.filter(({ phases }) => phases.has('prewarmed'))).toHaveLength(1)
    expect(starts.filter(({ observed }) => observed.handle.pid === pid)).toHaveLength(1)
    expect(await Promise.all(starts.map(usersOf))).toEqual([1, 1])
    expect(await bench.untilWaiting(2)).not.toBe(pid)
  })

  test.each<[string, Partial<ProcessRun>]>([
    ['NODE_ENV', { env: { NODE_ENV: 'production' } }],
    ['the language', { env: { LANG: 'de_DE.UTF-8' } }],
    ['a flag of Node.js', { command: [process.execPath, '--no-deprecation', 'server.cjs'] }],
    ['a module', { prewarm: { size: 1, preload: ['counted', 'node:http'] } }],
  ])('is none for an environment with another %s', async (_, more) => {
    const bench = new WarmBench()
    const cwd = folderOf(project)
    await bench.warmUp(runIn(cwd))
    const { phases } = await bench.start(runIn(cwd, more), 'other')
    expect([...phases]).toContainEqual(['not-prewarmed', 'no process waits for it yet'])
  })

  test('is none for an environment whose value of a variable differs that a module has read', async () => {
    const bench = new WarmBench()
    const reads =
      "exports.users = 0; exports.api = process.env.API ?? 'none'; exports.has = 'CI' in process.env"
    const run = runIn(folderOf({ ...project, [counted]: reads }))
    const pid = await bench.warmUp(run)
    const other = await bench.start({ ...run, env: { API: 'https://api.test' } }, 'other')
    await other.observed.line(
      /^alcove: not prewarmed: a module has read "API" as it was loaded, and its value is another$/,
    )
    expect(other.phases.has('not-prewarmed')).toBe(true)
    // It is still there for those who have not.
    const same = await bench.start({ ...run, env: { OTHER: 'x' } }, 'same')
    expect(same.observed.handle.pid).toBe(pid)
  })

  test('keeps what its modules set, and nothing else of its own variables', async () => {
    const bench = new WarmBench()
    const sets = "exports.users = 0; process.env.SET = 'by a module'; delete process.env.UNSET"
    const run = runIn(folderOf({ ...project, [counted]: sets }))
    const pid = await bench.warmUp(run)
    const { observed } = await bench.start({ ...run, env: { UNSET: 'x', OWN: 'y' } }, 'second')
    const answer = JSON.parse(await get(await observed.endpoint())) as { env: object; pid: number }
    expect(answer.pid).toBe(pid)
    expect(answer.env).toMatchObject({ SET: 'by a module', OWN: 'y' })
    expect(answer.env).not.toHaveProperty('UNSET')
    expect(Object.keys(answer.env)).not.toContain('ALCOVE_PREWARM')
  })

  test('that ends as it is taken over is replaced by a usual start, in the same call', async () => {
    const bench = new WarmBench()
    const run = runIn(folderOf(project))
    const pid = await bench.warmUp(run)
    process.kill(pid, 'SIGKILL')
    const start = await bench.start(run, 'second')
    expect(start.phases.get('not-prewarmed')).toBe('the process that waited for it has ended')
    expect(await usersOf(start)).toBe(1)
  })

  test('that can’t go to the environment’s folder is ended, and the error is the usual one', async () => {
    const bench = new WarmBench()
    const main = folderOf(project)
    await bench.warmUp(runIn(main))
    const cwd = folderOf({ 'server.cjs': project['server.cjs'] })
    symlinkSync(join(main, 'node_modules'), join(cwd, 'node_modules'))
    rmSync(cwd, { recursive: true })
    await expect(bench.start(runIn(cwd), 'second')).rejects.toThrow('does not exist; create it')
  })
})

describe('what has changed since', () => {
  test('ends who waits once no environment’s latest run could use it', async () => {
    const bench = new WarmBench()
    const cwd = folderOf(project)
    const pid = await bench.warmUp(runIn(cwd), 'a')
    const b = await bench.start(runIn(cwd), 'b')
    expect(b.observed.handle.pid).toBe(pid)
    await b.observed.endpoint()
    const next = await bench.untilWaiting(2)
    const other = runIn(cwd, { env: { NODE_ENV: 'test' } })
    await (await bench.start(other, 'a')).observed.endpoint()
    // b could still use it.
    await bench.untilWaiting(3)
    expect(runs(next)).toBe(true)
    await bench.start({ command: runIn(cwd).command, cwd }, 'b')
    await until(() => !runs(next))
    expect(runs(await bench.untilWaiting(3))).toBe(true)
  })

  test('replaces who waits where a file that it has loaded is another now', async () => {
    const bench = new WarmBench()
    const cwd = folderOf({ ...project, 'node_modules/counted/deep.mjs': 'export const deep = 1' })
    writeFileSync(join(cwd, counted), "exports.users = 0; require('./esm.mjs')")
    writeFileSync(join(cwd, 'node_modules/counted/esm.mjs'), "import './deep.mjs'")
    const run = runIn(cwd)
    const pid = await bench.warmUp(run)
    utimesSync(join(cwd, 'node_modules/counted/deep.mjs'), 1, 1)
    const second = await bench.start(run, 'second')
    expect(second.phases.get('not-prewarmed')).toBe(
      'a file that was loaded ahead has changed since',
    )
    await until(() => !runs(pid))
    await second.observed.endpoint()
    const next = await bench.untilWaiting(2)
    expect((await bench.start(run, 'third')).observed.handle.pid).toBe(next)
  })
})

describe('modules that can’t be loaded', () => {
  test('never keep an environment from its start, and are told', async () => {
    const bench = new WarmBench()
    const cwd = folderOf(project)
    const run = runIn(cwd, { prewarm: { preload: ['counted', '@not/there'] } })
    const { observed, phases } = await bench.start(run)
    await observed.endpoint()
    await observed.line(/^alcove: not prewarmed: "@not\/there" is not installed for "\/.*"$/)
    expect(phases.get('not-prewarmed')).toContain('@not/there')
  })

  test.each([
    ['throws', "throw new Error('no\\nway')", /"counted" could not be loaded: "no"$/],
    ['exits', 'process.exit(4)', /it ended while its modules were loaded, with exit code 4$/],
    ['has no such file', '', /"counted\/missing.js" could not be loaded: "Cannot find module /],
  ])(
    'that %s: told with the next start, and tried again after it',
    async (what, source, reason) => {
      const bench = new WarmBench()
      const cwd = folderOf({ ...project, 'server.cjs': server })
      const broken = what === 'has no such file' ? 'counted/missing.js' : 'counted'
      if (source) writeFileSync(join(cwd, counted), source)
      const run = runIn(cwd, { prewarm: { preload: [broken] } })
      await (await bench.start(run, 'first')).observed.endpoint()
      await until(() => recordedAsWaiting(bench.bench.stateDir).length > 0)
      await until(() => recordedAsWaiting(bench.bench.stateDir).length === 0)
      writeFileSync(join(cwd, counted), 'exports.users = 0')
      writeFileSync(join(cwd, 'node_modules/counted/missing.js'), '')
      const { observed, phases } = await bench.start(run, 'second')
      await observed.line(/^alcove: not prewarmed: /)
      expect(phases.get('not-prewarmed')).toMatch(reason)
      await observed.endpoint()
      const pid = await bench.untilWaiting(1)
      expect((await bench.start(run, 'third')).observed.handle.pid).toBe(pid)
    },
  )
})

const server =
  "require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT)"

test('a command without its file fails as it always does', async () => {
  const bench = new WarmBench()
  const cwd = folderOf(project)
  await bench.warmUp(runIn(cwd))
  const { observed, phases } = await bench.start(
    runIn(cwd, { command: [process.execPath, 'gone.cjs'] }),
    'second',
  )
  expect(phases.get('not-prewarmed')).toBe('there is no file "gone.cjs"')
  await observed.line(/Cannot find module/)
  expect(await observed.exit()).toEqual({ reason: 'exited', exitCode: 1 })
})

describe('close', () => {
  test('ends all who wait, and resolves when nothing is left', async () => {
    const bench = new WarmBench()
    const run = runIn(folderOf(project), { prewarm: { size: 2, preload: ['counted'] } })
    await bench.warmUp(run)
    const { waited } = bench
    expect(waited.filter(runs)).toHaveLength(2)
    const second = await bench.start(run, 'second')
    expect(second.phases.has('prewarmed')).toBe(true)
    await bench.spawner.close()
    // The one that was taken over is an environment, and stays.
    expect(waited.filter(runs)).toEqual([second.observed.handle.pid])
    expect(recordedAsWaiting(bench.bench.stateDir)).toEqual([])
  })

  test('ends the one that is being made', async () => {
    const bench = new WarmBench()
    const cwd = folderOf({ ...project, 'server.cjs': server, [counted]: 'for (;;);' })
    await (await bench.start(runIn(cwd))).observed.endpoint()
    const { stateDir } = bench.bench
    await until(() => recordedAsWaiting(stateDir).length > 0)
    const [pid = 0] = recordedAsWaiting(stateDir)
    await bench.spawner.close()
    expect(runs(pid)).toBe(false)
  })

  test('leaves no file', async () => {
    const bench = new WarmBench()
    const run = runIn(folderOf(project))
    const { observed } = await bench.start(run)
    await observed.endpoint()
    await bench.untilWaiting(1)
    await observed.stop(0)
    await bench.spawner.close()
    expect(readdirSync(bench.bench.stateDir)).toEqual([])
  })
})

test.runIf(onLinux)(
  'who waits holds no variable but those that all of its environments have',
  async () => {
    const bench = new WarmBench()
    const pid = await bench.warmUp(runIn(folderOf(project), { env: { SECRET: 'of the first' } }))
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1')
    expect(variables).toContain('ALCOVE_INSTANCE=')
    expect(variables).not.toContain('of the first')
  },
)
