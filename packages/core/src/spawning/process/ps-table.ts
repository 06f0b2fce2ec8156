import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  type Birth,
  type ProcessInfo,
  type ProcessTable,
  SharedReading,
  type Snapshot,
} from './process-table.js'

const execute = promisify(execFile)

interface PsProcess extends ProcessInfo {
  readonly memoryBytes: number
  /** The command's arguments, and after them its variables where this user may see them. */
  readonly command: string
}

// lstart has five words, so it stands before the last column only; `-E` shows the variables (ps(1) of macOS).
const columns = 'pid=,ppid=,state=,rss=,time=,lstart=,command='

/** The processes of a machine without /proc. Sessions are unknown there: a tree is found by its marks and by descent. */
export class PsTable implements ProcessTable {
  readonly #reading: SharedReading

  constructor(private readonly list: () => Promise<string> = runPs) {
    this.#reading = new SharedReading(async () => snapshotOf(parsePs(await this.list())))
  }

  read(): Promise<Snapshot> {
    return this.#reading.read()
  }

  async find(pid: number): Promise<ProcessInfo | undefined> {
    return (await this.read()).processes.get(pid)
  }

  async birthOf(pid: number): Promise<Birth> {
    return (await this.find(pid)) ?? { startTime: '', order: 0 }
  }

  isAlive({ pid }: { readonly pid: number }): boolean {
    try {
      return process.kill(pid, 0)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  }

  memoryBytes(info: ProcessInfo): number {
    return (info as PsProcess).memoryBytes
  }
}

function snapshotOf(all: readonly PsProcess[]): Snapshot {
  return {
    processes: new Map(all.map((info) => [info.pid, info])),
    carries: (info, token) => (info as PsProcess).command.includes(token),
    isSettled: true,
  }
}

/** Reads what `ps` prints. */
export function parsePs(output: string): PsProcess[] {
  const line =
    /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d{4})\s(.*)$/
  return output.split('\n').flatMap((row) => {
    const [
      ,
      pid,
      parent,
      state = '',
      rss,
      days = 0,
      hours = 0,
      minutes,
      seconds,
      start = '',
      command = '',
    ] = line.exec(row) ?? []
    if (!pid || state.startsWith('Z')) return []
    const startTime = start.replace(/\s+/g, ' ')
    return {
      pid: Number(pid),
      parent: Number(parent),
      session: 0,
      startTime,
      order: Date.parse(startTime),
      stopped: state.startsWith('T'),
      cpuMs:
        (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) *
        1000,
      memoryBytes: Number(rss) * 1024,
      command,
    }
  })
}

async function runPs(): Promise<string> {
  const { stdout } = await execute('ps', ['-A', '-E', '-ww', '-o', columns], {
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
  })
  return stdout
}
