import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { markedProcesses } from './leftovers.ts'

const here = dirname(fileURLToPath(import.meta.url))
const vitest = join(here, '../../node_modules/vitest/vitest.mjs')
let folder: string

beforeEach(() => {
  // Inside the repository, so that the tests find vitest there.
  folder = mkdtempSync(join(here, '.run-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs test files as the repository does, in a vitest of their own. */
async function run(
  files: Readonly<Record<string, string>>,
): Promise<{ code: number; output: string }> {
  const config = {
    globalSetup: [join(here, 'global-setup.ts')],
    setupFiles: [join(here, 'each-file.ts')],
    include: ['*.check.ts'],
    pool: 'forks',
  }
  writeFileSync(
    join(folder, 'vitest.config.mjs'),
    `export default ${JSON.stringify({ test: config })}`,
  )
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [vitest, 'run', '--root', folder, '--no-color'],
      { env: { ...process.env, ALCOVE_LEFTOVERS_GRACE_MS: '300' } },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
      },
    )
  })
}

it.runIf(process.platform === 'linux')(
  'fails a run whose tests leave a process or a temporary file, and names the test file',
  async () => {
    const { code, output } = await run({
      'clean.check.ts': `
        import { it } from 'vitest'
        it('is clean', () => {})`,
      // The sleeper's parent is gone, its session is another, and of the environment it has the
      // PATH alone: nothing but the mark leads back to the test.
      'leaving.check.ts': `
        import { execFileSync } from 'node:child_process'
        import { mkdtempSync } from 'node:fs'
        import { tmpdir } from 'node:os'
        import { join } from 'node:path'
        import { it } from 'vitest'
        it('leaves two things', () => {
          mkdtempSync(join(tmpdir(), 'left-'))
          const script = 'setsid sleep 611 </dev/null >/dev/null 2>&1 &'
          execFileSync('sh', ['-c', script], { env: { PATH: process.env.PATH } })
        })`,
    })
    expect(output).toContain('2 passed')
    expect(code).toBe(1)
    expect(output).toMatch(/process \d+ \(sleep 611\), started by \S+leaving\.check\.ts/)
    expect(output).toMatch(/temporary file left-\w+, made by \S+leaving\.check\.ts/)
    // What was found is ended too: the next run starts clean.
    const mark = process.env['ALCOVE_LEFTOVERS'] ?? 'none'
    const commands = markedProcesses(mark).map(({ command }) => command)
    expect(commands).not.toContain('sleep 611')
  },
)

it('passes a run that leaves nothing', async () => {
  const { code, output } = await run({
    'clean.check.ts': `
      import { execFileSync } from 'node:child_process'
      import { mkdtempSync, rmSync } from 'node:fs'
      import { tmpdir } from 'node:os'
      import { join } from 'node:path'
      import { it } from 'vitest'
      it('cleans up', () => {
        const folder = mkdtempSync(join(tmpdir(), 'left-'))
        execFileSync('true')
        rmSync(folder, { recursive: true })
      })`,
  })
  expect(output).toContain('1 passed')
  expect(code).toBe(0)
})
