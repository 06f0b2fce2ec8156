import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process that runs, found by what its environment holds. */
export interface MarkedProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
  /** Its environment as it was started, `NAME=value` each. */
  readonly environment: readonly string[]
}

/**
 * All processes that were started with `mark` somewhere in their environment. It is inherited, so
 * this finds a grandchild whose parents have gone, whatever group or session it is in. Linux only:
 * elsewhere there is no /proc, and nothing is found.
 */
export function markedProcesses(mark: string): MarkedProcess[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0')
        if (!environment.some((entry) => entry.includes(mark))) return []
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        // proc_pid_stat(5): the name before it is in brackets and may hold spaces and brackets.
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        const shown = command || readlinkSync(`/proc/${name}/exe`)
        return [{ pid: Number(name), parent, command: shown, environment }]
      } catch {
        // It ended meanwhile, is a zombie, or is not ours to look into.
        return []
      }
    })
}
