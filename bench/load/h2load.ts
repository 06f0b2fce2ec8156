import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './program-run.ts'
import { connections } from './wrk.ts'

/** Requests at a rate that is held, however long the answers take. */
export interface HeldLoad {
  readonly port: number
  /** Of each connection: h2load knows whole numbers only. */
  readonly requestsPerSecondEach: number
  readonly seconds: number
}

/** How long each request took until its answer was complete, in milliseconds. */
export interface HeldResult {
  readonly tookMs: readonly number[]
  /** How many were not answered with 200. */
  readonly failed: number
}

/** Asks over HTTP/1.1, after a second that does not count. */
export async function runH2load(
  { port, requestsPerSecondEach, seconds }: HeldLoad,
  core: number,
  signal: AbortSignal,
): Promise<HeldResult> {
  const folder = mkdtempSync(join(tmpdir(), 'alcove-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const log = join(folder, 'log')
    const words = ['--h1', '-t1', `-c${connections}`, `--rps=${requestsPerSecondEach}`]
    words.push('-D', String(seconds), '--warm-up-time=1', `--log-file=${log}`)
    words.push('-H', 'x-env-id: bench', `http://127.0.0.1:${port}/`)
    await runProgram({ program: 'h2load', words, core, signal })
    return parseLog(readFileSync(log, 'latin1'))
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** Reads the log of h2load(1): microseconds since the epoch, status, microseconds until the end of the answer. */
export function parseLog(text: string): HeldResult {
  const lines = text.split('\n').filter((line) => line !== '')
  const entries = lines.map((line) => line.split('\t'))
  const answered = entries.filter(([, status]) => status === '200')
  return {
    tookMs: answered.map(([, , microseconds]) => Number(microseconds) / 1000),
    failed: entries.length - answered.length,
  }
}
