import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ci-'))
  for (const path of ['.ci', 'scripts']) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(join(root, 'node_modules/.bin/node'), join(folder, 'node_modules/.bin/node'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs CI with an npm that says what it was asked for, and acts by `npm` (of the shell). */
function ci(
  npm: string,
  system = process.env['PATH'] ?? '',
): { readonly status: number | null; readonly output: string } {
  mkdirSync(join(folder, 'bin'))
  // A test installs nothing, whatever its machine lacks.
  for (const [program, does] of Object.entries({ npm, 'apt-get': '' })) {
    const file = join(folder, 'bin', program)
    const asked = join(folder, program === 'npm' ? 'asked' : 'asked-of-the-system')
    writeFileSync(file, `#!/bin/sh\necho "$*" >> '${asked}'\n${does}\n`)
    chmodSync(file, 0o755)
  }
  const path = `${join(folder, 'bin')}${delimiter}${system}`
  const { status, stdout } = spawnSync('bash', [join(folder, '.ci/run')], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  return { status, output: stdout.trimEnd() }
}

// What vitest and the matrix write, where they are told to.
const failedTest = JSON.stringify([
  {
    name: '/work/some.test.ts',
    message: '',
    assertionResults: [
      { status: 'passed', fullName: 'it works', failureMessages: [] },
      { status: 'failed', fullName: 'it fails', failureMessages: ['expected 1   to be 2'] },
    ],
  },
])
const report = (passed: number, failed: number): string => `
  for word; do
    case "$word" in
      --outputFile.json=*) file="\${word#*=}" ;;
      *matrix.json) file="$word" ;;
    esac
  done
  if [ -n "$file" ]; then
    echo '{"numPassedTests":${passed},"numFailedTests":${failed},"numPendingTests":0,"numTodoTests":0,"testResults":${failed > 0 ? failedTest : '[]'}}' > "$file"
  fi`

it('counts tests where there are, and each other step as one, in its last line', () => {
  const { status, output } = ci(report(700, 0))
  // Two runs of tests, and five steps.
  expect(output.split('\n').at(-1)).toBe('1405 passed, 0 failed')
  expect(output.match(/^\d+ passed, \d+ failed$/gm)).toHaveLength(1)
  expect(status).toBe(0)
  const asked = readFileSync(join(folder, 'asked'), 'utf8').trimEnd().split('\n')
  expect(asked.map((line) => line.replace(/ -- .*/, ''))).toEqual([
    'test',
    'run test:matrix',
    'run check',
    'run test:pack',
    'run test:transfer',
    'run demo',
  ])
})

it('fails with each failed test, and goes on', () => {
  const { status, output } = ci(`${report(7, 2)}\n[ -z "$file" ]`)
  expect(output.split('\n').at(-1)).toBe('19 passed, 4 failed')
  // At the end, where it is read.
  expect(output.split('\n').slice(-4, -2)).toEqual([
    'failed: npm test: some.test.ts › it fails: expected 1 to be 2',
    'failed: npm run test:matrix: some.test.ts › it fails: expected 1 to be 2',
  ])
  expect(status).toBe(1)
})

it('fails with a run of tests that fails without a failed test, or without a report', () => {
  expect(ci(`${report(7, 0)}\n[ -z "$file" ]`)).toMatchObject({
    status: 1,
    output: expect.stringMatching(/\n19 passed, 2 failed$/),
  })
  rmSync(join(folder, 'bin'), { recursive: true })
  expect(ci('case "$1" in test) exit 0 ;; esac')).toMatchObject({
    status: 1,
    output: expect.stringMatching(/\n5 passed, 2 failed$/),
  })
})

it('fails with any other step', () => {
  const { status, output } = ci(`${report(1, 0)}\ncase "$*" in *demo*) exit 3 ;; esac`)
  expect(output).toContain('----- npm run demo -- --check: FAILED (3)')
  expect(output.split('\n').at(-1)).toBe('6 passed, 1 failed')
  expect(status).toBe(1)
})

it('has the system install what the tests use and it lacks', () => {
  const bare = join(folder, 'bare')
  mkdirSync(bare)
  for (const program of ['bash', 'dirname', 'mktemp', 'rm', 'sh', 'timeout', 'curl']) {
    const { stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' })
    // Whether or not this machine has curl.
    symlinkSync(stdout.trim() || '/bin/true', join(bare, program))
  }
  const { status, output } = ci(report(1, 0), bare)
  expect(output).toContain('----- system packages: ok')
  expect(readFileSync(join(folder, 'asked-of-the-system'), 'utf8')).toBe(
    'update -qq\ninstall -qq -y python3 chromium\n',
  )
  expect(status).toBe(0)
})
