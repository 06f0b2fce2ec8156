import { readdirSync, readFileSync } from 'node:fs'
import {
  type Birth,
  type ProcessInfo,
  type ProcessTable,
  SharedReading,
  type Snapshot,
} from './process-table.js'

/** After this many processes the event loop gets its turn. */
const sliceSize = 128
// USER_HZ, which /proc counts in, is 100 on every architecture that Node.js supports (asm-generic/param.h).
const ticksPerSecond = 100
const maxListings = 50

/** The processes of a Linux machine: https://docs.kernel.org/filesystems/proc.html */
export class ProcTable implements ProcessTable {
  readonly #reading = new SharedReading(() => takeSnapshot())

  read(): Promise<Snapshot> {
    return this.#reading.read()
  }

  find(pid: number): Promise<ProcessInfo | undefined> {
    return Promise.resolve(readProcess(pid))
  }

  birthOf(pid: number): Promise<Birth> {
    const stat = readStat(pid)
    return Promise.resolve(stat ? birth(stat) : { startTime: '', order: 0 })
  }

  isAlive({
    pid,
    startTime: expected,
  }: {
    readonly pid: number
    readonly startTime: string
  }): boolean {
    return readProcess(pid)?.startTime === expected
  }

  memoryBytes({ pid }: ProcessInfo): number {
    // In kilobytes whatever the size of a page, other than in /proc/PID/stat.
    const kilobytes = /^VmRSS:\s*(\d+) kB/m.exec(readText(`/proc/${pid}/status`))?.[1]
    return Number(kilobytes ?? 0) * 1024
  }
}

/**
 * Lists until nothing new is listed. A process that ends during the look may have started another, but not without that one
 * being listed the next time; so whoever lives in the end was either seen, or started by one that was seen living.
 */
async function takeSnapshot(): Promise<Snapshot> {
  const snapshot = new ProcSnapshot()
  const listed = new Set<number>()
  for (let listing = 0; listing < maxListings; listing += 1) {
    const fresh = listPids().filter((pid) => !listed.has(pid))
    if (fresh.length === 0) return snapshot
    for (const [index, pid] of fresh.entries()) {
      listed.add(pid)
      snapshot.look(pid)
      // eslint-disable-next-line no-await-in-loop -- a pause for others
      if (index % sliceSize === sliceSize - 1) await nextTurn()
    }
  }
  snapshot.isSettled = false
  return snapshot
}

function listPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => !Number.isNaN(pid))
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

class ProcSnapshot implements Snapshot {
  readonly processes = new Map<number, ProcessInfo>()
  isSettled = true
  readonly #marks = new Map<number, string>()
  readonly #uptimeTicks = Number.parseFloat(readText('/proc/uptime')) * ticksPerSecond

  look(pid: number): void {
    const info = readProcess(pid)
    if (!info) return
    this.processes.set(pid, info)
    // One that is this young may be gone when it is asked for.
    if (info.order > this.#uptimeTicks - ticksPerSecond) this.#marksOf(info)
  }

  carries(info: ProcessInfo, token: string): boolean {
    return this.#marksOf(info).includes(token)
  }

  /** The values of Alcove's markers; the other variables may be large, and secret. */
  #marksOf(info: ProcessInfo): string {
    let marks = this.#marks.get(info.pid)
    if (marks === undefined) {
      const variables = this.#variablesOf(info)
      marks = (variables.match(/(?:^|\0)ALCOVE_(?:INSTANCE|HOST)=[^\0]*/g) ?? []).join('')
      this.#marks.set(info.pid, marks)
    }
    return marks
  }

  /** Of a process that is just being executed, or is ending, the kernel shows none (fs/proc/base.c, environ_read). */
  #variablesOf({ pid, session, startTime }: ProcessInfo): string {
    const isKernels = session === 0
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const variables = readText(`/proc/${pid}/environ`)
      if (variables !== '' || isKernels || readProcess(pid)?.startTime !== startTime)
        return variables
    }
    this.isSettled = false
    return ''
  }
}

/** Fields of /proc/PID/stat from the third on: proc_pid_stat(5). */
type Stat = readonly string[]

const field = (stat: Stat, number: number): string => stat[number - 3] ?? ''

function readStat(pid: number): Stat | undefined {
  const line = readText(`/proc/${pid}/stat`)
  // The second field is the command's name, which may hold spaces and parentheses.
  const end = line.lastIndexOf(')')
  return end === -1 ? undefined : line.slice(end + 2).split(' ')
}

function readProcess(pid: number): ProcessInfo | undefined {
  const stat = readStat(pid)
  return stat && parseStat(pid, stat)
}

/** Reads the fields; undefined for a zombie. */
export function parseStat(pid: number, stat: Stat): ProcessInfo | undefined {
  const state = field(stat, 3)
  // A process whose first thread has ended and whose others run is listed as a zombie as well.
  if ('ZXx'.includes(state) && Number(field(stat, 20)) <= 1) return undefined
  const ticks = [14, 15, 16, 17].reduce((sum, number) => sum + Number(field(stat, number)), 0)
  return {
    pid,
    parent: Number(field(stat, 4)),
    session: Number(field(stat, 6)),
    ...birth(stat),
    stopped: state === 'T',
    cpuMs: (ticks * 1000) / ticksPerSecond,
  }
}

/** Ticks since the boot, and which boot. */
function birth(stat: Stat): Birth {
  boot ??= readText('/proc/sys/kernel/random/boot_id').slice(0, 8)
  const ticks = field(stat, 22)
  return { startTime: `${ticks}@${boot}`, order: Number(ticks) }
}

let boot: string | undefined

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
