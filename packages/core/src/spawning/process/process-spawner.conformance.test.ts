import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { describeSpawner } from '../../testing/spawner-conformance.js'
import { processSpawner } from './process-spawner.js'
import type { ListenMode, ProcessRun } from './run.js'
import type { ProcessHandle } from './run-folder.js'
import { foldersIn } from './state-directory.js'

const serve = `
  const { createServer } = require('node:http')
  createServer((request, response) => response.end('hello')).listen(process.env.PORT ?? 0)
`

for (const listen of ['socket', 'reported-port', 'picked-port'] as const) {
  describeSpawner<ProcessRun, ProcessHandle>(
    { describe, it },
    { name: `process, listen: '${listen}'`, make: () => make(listen) },
  )
}

async function make(listen: ListenMode) {
  const stateDir = await mkdtemp(join(tmpdir(), 'alcove-test-'))
  const mark = `CONFORMANCE_${randomBytes(8).toString('hex')}`
  const program = (code: string): ProcessRun => ({
    command: [process.execPath, '-e', code],
    env: { [mark]: '1' },
    listen,
  })
  const open = () => processSpawner({ stateDir })
  return {
    spawner: open(),
    run: program(serve),
    badRuns: [
      undefined,
      'npm run dev',
      {},
      { command: [] },
      { command: 'npm run dev' },
      { command: ['npm', 7] },
      { command: ['npm'], comand: ['npm'] },
      { command: ['npm'], listen: 'port' },
      { command: ['npm'], cwd: 7 },
      { command: ['npm'], env: { PORT: '80' } },
      { command: ['np\0m'] },
    ],
    printing: { run: program(`${serve}; console.log('hello there')`), line: 'hello there' },
    crashing: {
      run: program(`console.error('out of luck'); process.exitCode = 7`),
      line: 'out of luck',
      exit: { reason: 'exited', exitCode: 7 } as const,
    },
    failingRun: { command: [join(stateDir, 'no-such-program')], env: { [mark]: '1' }, listen },
    stubbornRun: program(`process.on('SIGTERM', () => {}); ${serve}`),
    reopen: async () => open(),
    leftovers: async () => [
      ...processesWith(mark),
      ...foldersIn(stateDir).flatMap((run) => foldersIn(join(stateDir, run))),
    ],
    dispose: () => rm(stateDir, { recursive: true, force: true }),
    notApplicable: { 'slow start': 'a process is there within a moment: nothing is waited for' },
  }
}

/** The processes that have a variable of this name, where the system shows it. */
function processesWith(variable: string): readonly string[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${variable}=`)
    } catch {
      return false // It has ended meanwhile, or is another user's.
    }
  })
}
