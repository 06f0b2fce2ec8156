import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runs } from '../fixtures/harness.js'
import { folderOf, recordedAsWaiting, until, WarmBench } from '../fixtures/warm-bench.js'
import type { ProcessRun } from '../run.js'

const onLinux = process.platform === 'linux'
/** Notes when it is loaded ahead, for some time. */
const slow = `
  const { appendFileSync, existsSync } = require('node:fs')
  const log = (what) => appendFileSync(__dirname + '/log', what + ' ' + process.pid + '\\n')
  log('begins')
  do Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); while (existsSync(__dirname + '/hold'))
  log('ends')`
/** Listens once a file is gone. */
const server = `
  const { appendFileSync, existsSync } = require('node:fs')
  const look = () => existsSync(__dirname + '/hold-' + process.argv[2]) ? setTimeout(look, 5) :
    require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT, () =>
      appendFileSync(__dirname + '/log', 'listens ' + process.pid + '\\n'))
  look()`

function slowProject(): {
  cwd: string
  runWith: (size: number, env?: ProcessRun['env']) => ProcessRun
  log: () => string[]
} {
  const cwd = folderOf({ 'slow.cjs': slow, 'server.cjs': server, log: '' })
  return {
    cwd,
    runWith: (size, env = {}) => ({
      command: [process.execPath, 'server.cjs', '{id}'],
      cwd,
      env,
      prewarm: { size, preload: ['./slow.cjs'] },
    }),
    log: () => readFileSync(join(cwd, 'log'), 'utf8').trim().split('\n'),
  }
}

/** That nothing comes shows only with time: more than it is put off by. */
const aWhile = (): Promise<void> => delay(600)

test('one is made at a time, for all pools, and never more than `size`', async () => {
  const { runWith, log } = slowProject()
  const bench = new WarmBench()
  const { stateDir } = bench.bench
  const starts = await Promise.all([
    bench.start(runWith(2), 'a'),
    bench.start(runWith(2, { NODE_ENV: 'other' }), 'b'),
  ])
  await Promise.all(starts.map(({ observed }) => observed.endpoint()))
  for (let count = 1; count <= 4; count += 1) {
    await bench.untilWaiting(count)
    // The one that begins right after may be recorded already.
    expect(recordedAsWaiting(stateDir).length).toBeLessThanOrEqual(count + 1)
  }
  const lines = log().filter((line) => !line.startsWith('listens'))
  expect(lines).toEqual(bench.waited.flatMap((pid) => [`begins ${pid}`, `ends ${pid}`]))
  expect(recordedAsWaiting(stateDir).toSorted((a, b) => a - b)).toEqual(
    bench.waited.toSorted((a, b) => a - b),
  )
  // A look while all is full makes none; the next start takes one, and one is made.
  const { observed } = await bench.start(runWith(2), 'c')
  expect(bench.waited).toContain(observed.handle.pid)
  await observed.endpoint()
  await bench.untilWaiting(5)
  await aWhile()
  expect(recordedAsWaiting(stateDir)).toHaveLength(4)
  expect(bench.waited).toHaveLength(5)
})

test('a smaller `size` ends those who are too many', async () => {
  const { runWith } = slowProject()
  const bench = new WarmBench()
  await bench.warmUp(runWith(3))
  await (await bench.start(runWith(1), 'second')).observed.endpoint()
  await until(() => recordedAsWaiting(bench.bench.stateDir).length <= 1)
  expect(bench.waited.filter(runs).length).toBeLessThanOrEqual(2)
})

test('none is made before the environment that was started is past its own start', async () => {
  const { cwd, runWith, log } = slowProject()
  const bench = new WarmBench()
  writeFileSync(join(cwd, 'hold-first'), '')
  const { observed } = await bench.start(runWith(1), 'first')
  await (await bench.start(runWith(1), 'second')).observed.endpoint()
  await aWhile()
  expect(recordedAsWaiting(bench.bench.stateDir)).toEqual([])
  appendFileSync(join(cwd, 'log'), 'released\n')
  rmSync(join(cwd, 'hold-first'))
  await observed.endpoint()
  const pid = await bench.untilWaiting(1)
  const lines = log()
  const [released, listens, begins] = [
    'released',
    `listens ${observed.handle.pid}`,
    `begins ${pid}`,
  ]
  expect(lines.filter((line) => [released, listens, begins].includes(line))).toEqual([
    released,
    listens,
    begins,
  ])
})

test.runIf(onLinux)(
  'one that is being made stands still while an environment is started',
  async () => {
    const { cwd, runWith, log } = slowProject()
    const bench = new WarmBench()
    const stateOf = (pid: number): string =>
      readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.[0] ?? ''
    writeFileSync(join(cwd, 'hold'), '')
    await (await bench.start(runWith(2), 'first')).observed.endpoint()
    await until(() => log().some((line) => line.startsWith('begins')))
    const [pid = 0] = recordedAsWaiting(bench.bench.stateDir)
    expect(stateOf(pid)).not.toBe('T')
    writeFileSync(join(cwd, 'hold-second'), '')
    const { observed } = await bench.start(runWith(2), 'second')
    await until(() => stateOf(pid) === 'T')
    rmSync(join(cwd, 'hold-second'))
    await observed.endpoint()
    await until(() => stateOf(pid) !== 'T')
    await aWhile()
    expect(recordedAsWaiting(bench.bench.stateDir)).toEqual([pid])
    rmSync(join(cwd, 'hold'))
    expect(await bench.untilWaiting(1)).toBe(pid)
  },
)

test('one that dies while it waits is replaced, later each time', async () => {
  const { runWith } = slowProject()
  const bench = new WarmBench()
  let pid = await bench.warmUp(runWith(1))
  for (const [deaths, waitMs] of [1000, 2000].entries()) {
    const diedMs = performance.now()
    process.kill(pid, 'SIGKILL')
    pid = await bench.untilWaiting(deaths + 2)
    expect(performance.now() - diedMs).toBeGreaterThanOrEqual(waitMs)
  }
})
