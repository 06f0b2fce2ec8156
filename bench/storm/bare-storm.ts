import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ask } from '../cold-start/ask.ts'
import type { Storm } from './storm.ts'

const deadlineMs = 60_000

/**
 * Milliseconds from the first spawn until all requests are answered by the programs themselves: the next one is spawned as soon as one
 * of those that start has answered. What is before and after is not counted.
 */
export async function bareStorm(program: string, storm: Storm): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'storm-'))
  const programs = Array.from({ length: storm.environments }, (_, number) => {
    const own = join(folder, String(number))
    mkdirSync(own)
    return new BareProgram(program, own)
  })
  try {
    const began = performance.now()
    const answered: Promise<unknown>[] = []
    const waiting = programs.values()
    await Promise.all(
      Array.from({ length: storm.concurrency }, async () => {
        for (const each of waiting) {
          await each.start()
          const others = Array.from({ length: storm.requests - 1 }, () => each.ask())
          answered.push(Promise.all(others))
        }
      }),
    )
    await Promise.all(answered)
    return performance.now() - began
  } finally {
    await Promise.all(programs.map((each) => each.stop()))
    rmSync(folder, { recursive: true })
  }
}

class BareProgram {
  readonly #program: string
  readonly #folder: string
  #stop: (() => Promise<unknown>) | undefined

  constructor(program: string, folder: string) {
    this.#program = program
    this.#folder = folder
  }

  /** Resolves with the first answer: its socket is watched for, and from then on it is asked every millisecond. */
  async start(): Promise<void> {
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, [this.#program], {
      env: { PATH, HOME, PORT: this.#socketPath },
      stdio: 'ignore',
    })
    const exited = once(child, 'exit')
    this.#stop = () => {
      child.kill('SIGKILL')
      return exited
    }
    const watcher = watch(this.#folder)
    try {
      await once(watcher, 'change', { signal: AbortSignal.timeout(deadlineMs) })
    } finally {
      watcher.close()
    }
    const began = performance.now()
    for (;;) {
      try {
        return await this.ask()
      } catch (error) {
        // Bound, and not listening yet.
        const early = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
        if (!early || performance.now() - began > deadlineMs) throw error
        await delay(1)
      }
    }
  }

  ask(): Promise<void> {
    return ask({ socketPath: this.#socketPath })
  }

  async stop(): Promise<void> {
    await this.#stop?.()
  }

  get #socketPath(): string {
    return join(this.#folder, 's')
  }
}
