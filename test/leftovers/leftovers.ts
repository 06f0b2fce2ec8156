import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A process that runs, found by what it was started with. */
export interface MarkedProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
  /** The first variable of its environment or word of its command that holds the mark. */
  readonly marked: string
}

/**
 * All processes that were started with `mark` in a variable or in their command. Variables are
 * inherited, so this finds a grandchild whose parents have gone, whatever group or session it is in.
 * Linux only: elsewhere there is no /proc, and nothing is found.
 */
export function markedProcesses(mark: string): MarkedProcess[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
        const variables = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0')
        const marked = [...variables, ...words].find((entry) => entry.includes(mark))
        if (marked === undefined) return []
        // proc_pid_stat(5): the name before it is in brackets and may hold spaces and brackets.
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return [{ pid: Number(name), parent, command: words.join(' ').trim(), marked }]
      } catch {
        // It ended meanwhile, is a zombie, or is not ours to look into.
        return []
      }
    })
}

/** What is in a folder for temporary files that should be gone, by its path in there. */
export function leftFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    // Node.js's own, where a program turns it on.
    if (entry.name === 'node-compile-cache') return []
    // The process spawner's, for all gateways of a user; it stays, empty.
    if (!/^alcove-\d+$/.test(entry.name)) return [entry.name]
    return readdirSync(join(folder, entry.name)).map((name) => join(entry.name, name))
  })
}
