import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ask } from './ask.ts'

const deadlineMs = 10_000

/**
 * Milliseconds from spawning a program to its complete answer, as fast as anybody could ask: a watch tells when its socket
 * appears, and from then on the request itself is tried every millisecond. What is before and after is not counted.
 */
export async function bareStart(program: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const socketPath = join(folder, 's')
  const { PATH, HOME } = process.env
  const began = performance.now()
  const child = spawn(process.execPath, [program], {
    env: { PATH, HOME, PORT: socketPath },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  const watcher = watch(folder)
  try {
    await once(watcher, 'change', { signal: AbortSignal.timeout(deadlineMs) })
    await askUntilAnswered(socketPath, began)
    return performance.now() - began
  } finally {
    watcher.close()
    child.kill('SIGKILL')
    await exited
    rmSync(folder, { recursive: true })
  }
}

async function askUntilAnswered(socketPath: string, began: number): Promise<void> {
  for (;;) {
    try {
      return await ask({ socketPath })
    } catch (error) {
      // Bound, and not listening yet.
      const early = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
      if (!early || performance.now() - began > deadlineMs) throw error
      await delay(1)
    }
  }
}
