import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../../test/forwarding/peers/find-program.ts'
import { isFree, listening, nextPort } from '../../test/forwarding/peers/ports.ts'
import { end, startPinned } from './pinned-process.ts'

/** A server that is no Node.js program. */
export interface NativeProgram {
  readonly program: 'nginx' | 'haproxy'
  /** The text of its configuration, which may use the folder that it is in. */
  configure(port: number, folder: string): string
  /** How it is told to run in the foreground with this configuration file. */
  words(file: string, folder: string): readonly string[]
  /** The core that it may run on. @default any */
  readonly core: number | undefined
}

/** One that listens at a port of 127.0.0.1. */
export interface RunningProgram {
  readonly port: number
  readonly pid: number
  readonly folder: string
  /** Ends it, and removes its folder. Idempotent. */
  close(): Promise<void>
}

/** Starts it, and resolves when it listens. @throws where it is not installed, or exits before */
export async function startNative({
  program,
  configure,
  words,
  core,
}: NativeProgram): Promise<RunningProgram> {
  const found = findProgram(program)
  if (found === undefined) throw new Error(`${program} is not installed`)
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'alcove-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', remove)
  const file = join(folder, 'configuration')
  writeFileSync(file, configure(port, folder))
  let said = ''
  const child = startPinned(found, words(file, folder), {
    core,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const close = async (): Promise<void> => {
    await end(child)
    process.off('exit', remove)
    remove()
  }
  try {
    await listening(port, () => (child.exitCode === null ? undefined : `${program}: ${said}`))
    return { port, pid: child.pid ?? 0, folder, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function freePort(): Promise<number> {
  let port = nextPort()
  while (!(await isFree(port))) port = nextPort()
  return port
}
