import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { SpawnFailedError } from '../../errors.js'
import { outerMarkers } from './environment-variables.js'
import type { ProcessTable } from './process-table.js'
import { watchdogProgram } from './program-files.js'
import type { RunFolder } from './run-folder.js'

/** An instance that the watchdog has to end with the host. */
export interface Guarded {
  readonly token: string
  readonly pid: number
  readonly startTime: string
  /** Its folder, removed with it. */
  readonly folder: string
}

// It reads one pipe: the smallest heap that V8 allows is plenty.
const flags = ['--max-old-space-size=16', '--max-semi-space-size=1']
/** How long the watchdog's own end is waited for. */
const endMarginMs = 2000
/** How often one that died is replaced before anything else is started. */
const maxDeaths = 3

/**
 * The small program that outlives a killed host by as long as it takes to end what the host has started. It holds the reading
 * end of a pipe, whose writing end the host alone has: the kernel closes that one however the host ends.
 */
export class Watchdog {
  readonly #guarded = new Map<string, Guarded>()
  #process: ChildProcess | undefined
  #closed = false
  #deaths = 0
  #startTime: string | undefined

  constructor(
    private readonly hostToken: string,
    private readonly run: RunFolder,
    private readonly table: ProcessTable,
    /** The control group of all instances, removed with the last one. */
    private readonly group?: string,
    /** Elsewhere than on Linux nothing tells which processes are whose: the next start reaps them. */
    private readonly works = process.platform === 'linux',
  ) {}

  /**
   * Starts it where it does not run; to be called before each spawn.
   *
   * @throws {@link SpawnFailedError}
   */
  ensure(): void {
    if (!this.works || this.#runs()) return
    const child = spawn(
      process.execPath,
      [...flags, watchdogProgram(), this.hostToken, this.run.path, this.group ?? ''],
      {
        // Out of the terminal's and the host's group, and holding nothing of the host's open but the pipe.
        detached: true,
        cwd: '/',
        stdio: ['pipe', 'ignore', 'ignore'],
        env: outerMarkers(process.env),
      },
    )
    child.on('error', () => {})
    if (child.pid === undefined) {
      throw new SpawnFailedError(
        'The watchdog that ends environments with a killed gateway could not be started: the system allows no more processes or files',
      )
    }
    child.stdin.on('error', () => {})
    child.once('exit', () => {
      if (this.#process !== child) return
      this.#process = undefined
      // What runs must not be without one; one that dies again and again is left to the next start.
      if (this.#guarded.size === 0 || this.#closed || this.#deaths >= maxDeaths) return
      this.#deaths += 1
      try {
        this.ensure()
      } catch {
        // The next start says what is wrong.
      }
    })
    // The host ends when it has nothing else to do.
    child.unref()
    ;(child.stdin as Socket).unref()
    this.#process = child
    this.#startTime = undefined
    void this.#note(child.pid)
    for (const guarded of this.#guarded.values()) this.#tell({ add: guarded })
  }

  guard(guarded: Guarded): void {
    this.#guarded.set(guarded.token, guarded)
    this.#tell({ add: guarded })
  }

  release(token: string): void {
    if (this.#guarded.delete(token)) this.#tell({ drop: token })
  }

  /** Lets it end; it finds nothing to do and removes the run's folder. */
  async close(): Promise<void> {
    this.#closed = true
    const child = this.#process
    if (!child) return
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    child.ref()
    child.stdin?.end()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, endMarginMs)
    })
    await Promise.race([ended, late])
    clearTimeout(timer)
    child.unref()
  }

  /** Its end is heard of a moment late. */
  #runs(): boolean {
    const pid = this.#process?.pid
    if (pid === undefined) return false
    return this.#startTime === undefined || this.table.isAlive({ pid, startTime: this.#startTime })
  }

  #tell(message: unknown): void {
    this.#process?.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  /** A later run waits for it to finish. */
  async #note(pid: number): Promise<void> {
    const { startTime } = await this.table.birthOf(pid)
    this.#startTime = startTime
    try {
      this.run.guardedBy({ pid, startTime })
    } catch {
      // Without the note a later run waits for nothing; what it finds, it ends.
    }
  }
}
