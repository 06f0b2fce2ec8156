// Fails a test run that leaves something running, or a temporary file, and says which test file did.
//
// Everything that a test file starts inherits a mark of it: a folder of its own as TMPDIR, and the
// same as last entry of PATH, which also those keep that choose what to hand on. See each-file.ts.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { leftFiles, type MarkedProcess, markedProcesses } from './leftovers.ts'

// Alcove promises that nothing outlives a killed host by more than 5 s; vitest ends a teardown that
// takes longer than 10 s, and without a failure.
const graceMs = Number(process.env['ALCOVE_LEFTOVERS_GRACE_MS'] ?? 7000)

let folder: string

export function setup(): void {
  // A short name: a Unix socket's path ends at 107 bytes.
  folder = mkdtempSync(join(tmpdir(), 'alcove-'))
  process.env['ALCOVE_LEFTOVERS'] = folder
}

export async function teardown(): Promise<void> {
  try {
    const problems = [...(await endedLate()), ...filesLeft()]
    if (problems.length > 0) {
      throw new Error(`The tests left something behind:\n  ${problems.join('\n  ')}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function endedLate(): Promise<string[]> {
  if (process.platform !== 'linux') {
    process.stderr.write('Processes that tests leave running are looked for on Linux only.\n')
    return []
  }
  const deadline = performance.now() + graceMs
  let left = leftProcesses()
  while (left.length > 0 && performance.now() < deadline) {
    await delay(50)
    left = leftProcesses()
  }
  return left.map(({ pid, command, marked }) => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone by now, but too late.
    }
    const [mark = ''] = marked.slice(marked.lastIndexOf(folder) + folder.length + 1).split('/')
    return `process ${pid} (${command}), started by ${testFile(mark)}`
  })
}

/** But not vitest's own workers and their watchdog, which are the only children of this process. */
function leftProcesses(): MarkedProcess[] {
  return markedProcesses(`${folder}/`).filter(
    ({ pid, parent }) => pid !== process.pid && parent !== process.pid,
  )
}

function filesLeft(): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) =>
      leftFiles(join(folder, name)).map(
        (file) => `temporary file ${file}, made by ${testFile(name)}`,
      ),
    )
}

function testFile(mark: string): string {
  try {
    return readFileSync(join(folder, `${mark}.test-file`), 'utf8')
  } catch {
    return 'an unknown test file'
  }
}
