// node scripts/test-matrix.ts [--report <file>] [arguments of vitest]
//
// Runs the tests on each supported version of Node.js. The versions come from the npm package
// `node` and stay in .matrix/ for the next run.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { lock, root } from './install.mjs'
import { type TestCounts, testCounts, type VitestReport } from './test-counts.ts'

// The oldest supported version, exactly, and the newest of each line that is maintained.
const versions = ['22.19.0', '24', '26']
const folder = join(root, '.matrix')

interface Result extends TestCounts {
  readonly version: string
  readonly seconds: number
}

const { report, rest } = readArguments(process.argv.slice(2))
const results: Result[] = []
for (const wanted of versions) results.push(await runOn(wanted))

console.log('\nNode.js     passed  failed  skipped  seconds')
for (const { version, passed, failed, skipped, seconds } of results) {
  const columns = [
    version.padEnd(10),
    String(passed).padStart(7),
    String(failed).padStart(7),
    String(skipped).padStart(8),
    seconds.toFixed(1).padStart(8),
  ]
  console.log(columns.join(' '))
}
const sum = (of: 'passed' | 'failed' | 'skipped'): number =>
  results.reduce((total, result) => total + result[of], 0)
const total: VitestReport = {
  numPassedTests: sum('passed'),
  numFailedTests: sum('failed'),
  numPendingTests: sum('skipped'),
  numTodoTests: 0,
  testResults: results.flatMap(({ version, failures }) =>
    failures.map((failure) => ({ name: version, message: failure, assertionResults: [] })),
  ),
}
if (report !== undefined) writeFileSync(report, JSON.stringify(total))
process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0

async function runOn(wanted: string): Promise<Result> {
  let bin: string
  try {
    bin = await installed(wanted)
  } catch (error) {
    // The other versions can tell something all the same.
    console.error(`Could not install Node.js ${wanted}:`, error)
    const failures = ['could not be installed']
    return { version: wanted, seconds: 0, passed: 0, failed: 1, skipped: 0, failures }
  }
  const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`
  const env = { ...process.env, PATH: path, ALCOVE_EXPECTED_NODE: wanted }
  const version = execFileSync('node', ['--version'], { env, encoding: 'utf8' }).trim()
  console.log(`\n== Node.js ${version}`)
  const output = join(folder, `result-${wanted}.json`)
  rmSync(output, { force: true })
  const began = performance.now()
  const { status } = spawnSync(
    join(bin, 'node'),
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${output}`,
      ...rest,
    ],
    { cwd: root, env, stdio: 'inherit' },
  )
  const seconds = (performance.now() - began) / 1000
  return { version, seconds, ...testCounts(output, status === 0) }
}

/** The folder of a version's program, which is installed first where it is missing. */
async function installed(wanted: string): Promise<string> {
  const own = join(folder, wanted)
  const bin = join(own, 'node_modules', 'node', 'bin')
  mkdirSync(own, { recursive: true })
  const release = await lock(join(own, 'install-lock'))
  try {
    if (existsSync(join(bin, 'node'))) return bin
    console.log(`Installing Node.js ${wanted} ...`)
    const manifest = { private: true, dependencies: { node: wanted }, allowScripts: { node: true } }
    writeFileSync(join(own, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(own, '.npmrc'), readFileSync(join(root, '.npmrc')))
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: own,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (existsSync(join(bin, 'node'))) return bin
    throw new Error('its install script did not run')
  } finally {
    release()
  }
}

function readArguments(all: readonly string[]): {
  readonly report: string | undefined
  readonly rest: readonly string[]
} {
  return all[0] === '--report'
    ? { report: all[1], rest: all.slice(2) }
    : { report: undefined, rest: all }
}
