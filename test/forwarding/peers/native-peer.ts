import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningSubject } from '../subject.ts'
import { findProgram, programVersion } from './find-program.ts'
import { crashReason } from './host-process.ts'
import type { Setup } from './orders.ts'
import type { Peer } from './peer.ts'
import { isFree, listening, nextPort } from './ports.ts'

/** A proxy that is a program of its own. */
export interface NativePeer extends Pick<Peer, 'name' | 'fronts' | 'targets' | 'without'> {
  /** What it is asked for its version. */
  readonly versionArgument: string
  /** Its configuration, which may use the folder that it is in. */
  configure(setup: Setup, port: number, folder: string): string
  /** How it is told to run in the foreground with this configuration file. */
  arguments(file: string, folder: string): readonly string[]
}

/** A proxy that is a program, started with a configuration of its own for each case. */
export function nativePeer(peer: NativePeer): Peer {
  const { name, fronts, targets, without } = peer
  let version: string | undefined
  const running = new Set<NativeProcess>()
  let root: string | undefined
  // These programs outlive who started them; those in Node.js do not.
  const abandon = (): void => {
    for (const its of running) its.kill()
    if (root !== undefined) rmSync(root, { recursive: true, force: true, maxRetries: 3 })
  }
  return {
    name,
    fronts,
    targets,
    ...(without && { without }),
    version() {
      const file = findProgram(name.toLowerCase())
      if (file !== undefined) version ??= programVersion(file, peer.versionArgument)
      return version
    },
    missing: () =>
      findProgram(name.toLowerCase()) === undefined ? `${name} is not installed` : undefined,
    listen(front, target, settings) {
      if (root === undefined) {
        root = mkdtempSync(join(tmpdir(), 'alcove-peer-'))
        process.once('exit', abandon)
      }
      return start(peer, { front, target, settings }, root, running)
    },
    async end() {
      // Those too that a case gave up on.
      await Promise.all([...running].map((its) => its.close()))
      abandon()
      process.off('exit', abandon)
      root = undefined
    },
  }
}

async function start(
  peer: NativePeer,
  setup: Setup,
  root: string,
  running: Set<NativeProcess>,
): Promise<RunningSubject> {
  const folder = await mkdtemp(join(root, 'case-'))
  const port = await freePort()
  const file = join(folder, 'configuration')
  await writeFile(file, peer.configure(setup, port, folder))
  const its = new NativeProcess(peer, file, folder, port)
  running.add(its)
  void its.gone.then(() => running.delete(its))
  try {
    await listening(port, () => its.over())
    return its
  } catch (error) {
    await its.close()
    throw error
  }
}

async function freePort(): Promise<number> {
  let port = nextPort()
  while (!(await isFree(port))) port = nextPort()
  return port
}

class NativeProcess implements RunningSubject {
  readonly port: number
  readonly #child: ChildProcess
  /** Resolves when it has exited. */
  readonly gone: Promise<void>
  readonly #folder: string
  #crash: string | undefined
  #closing: Promise<void> | undefined

  constructor(peer: NativePeer, file: string, folder: string, port: number) {
    this.port = port
    this.#folder = folder
    let said = ''
    this.#child = spawn(
      findProgram(peer.name.toLowerCase()) ?? peer.name,
      peer.arguments(file, folder),
      // Some keep files in the home folder.
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
      },
    )
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-8192)
    })
    this.gone = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        if (!this.#closing) {
          this.#crash = `${crashReason(said, signal ?? `code ${code}`)}: ${said.trim().slice(-300)}`
        }
        resolve()
      })
    })
    this.#child.on('error', (error) => (said += error.message))
  }

  crashed(): string | undefined {
    return this.#crash
  }

  /** Why nothing will come of it any more. */
  over(): string | undefined {
    return this.#crash ?? (this.#closing && 'it was closed')
  }

  /** Each is one process, and what it has open is not to be ended with care. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.kill()
    await this.gone
    await rm(this.#folder, { recursive: true, force: true })
  }
}
