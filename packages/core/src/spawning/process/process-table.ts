import { ProcTable } from './proc-table.js'
import { PsTable } from './ps-table.js'

/** When a process was started. */
export interface Birth {
  /** Opaque; with the pid it names one process for ever, also after a reboot. */
  readonly startTime: string
  /** Grows with the time of this boot: a child's is never below its parent's. 0: unknown. */
  readonly order: number
}

/** A live process; a zombie is none. */
export interface ProcessInfo extends Birth {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly stopped: boolean
  /** With that of its children that ended and were waited for. */
  readonly cpuMs: number
}

/** All processes at one moment. */
export interface Snapshot {
  readonly processes: ReadonlyMap<number, ProcessInfo>
  /** Whether the variables that the process was started with hold `token`. */
  carries(process: ProcessInfo, token: string): boolean
  /** `false` where something may live that was not seen, since too much changed during the look. */
  readonly isSettled: boolean
}

/** The processes of this machine. */
export interface ProcessTable {
  /** Concurrent callers share one reading, which begins after their call. */
  read(): Promise<Snapshot>
  /** What has this pid now; undefined for a zombie. */
  find(pid: number): Promise<ProcessInfo | undefined>
  /** When it was started, of a zombie too: a child that has just been spawned may have ended already. */
  birthOf(pid: number): Promise<Birth>
  /** Whether this very process lives, and not a later one with its pid. */
  isAlive(process: { readonly pid: number; readonly startTime: string }): boolean
  /** Resident memory. */
  memoryBytes(process: ProcessInfo): number
}

/** The table of this platform: /proc on Linux, `ps` elsewhere. */
export function processTable(platform: NodeJS.Platform = process.platform): ProcessTable {
  return platform === 'linux' ? new ProcTable() : new PsTable()
}

/** A live process and a later one with its pid have different ones. */
export function identityOf(process: { readonly pid: number; readonly startTime: string }): string {
  return `${process.pid}@${process.startTime}`
}

/** Gives each reading to all who asked before it began. */
export class SharedReading {
  #next: Promise<Snapshot> | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(private readonly take: () => Promise<Snapshot>) {}

  read(): Promise<Snapshot> {
    this.#next ??= this.#begin()
    return this.#next
  }

  async #begin(): Promise<Snapshot> {
    // One at a time, and not before all callers of this turn of the event loop have joined.
    await this.#running
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    this.#next = undefined
    const taken = this.take()
    this.#running = taken.catch(() => {})
    return taken
  }
}
