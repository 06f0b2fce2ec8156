import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Why processes can't be counted on this system; undefined where they can. */
export const uncountable =
  process.platform === 'linux' ? undefined : `there is no /proc on ${process.platform}`

/**
 * The children of this process, and all others that have a folder's path in their variables or arguments, as
 * `<pid> <command>`; found without Alcove's help, since it is Alcove that is checked.
 *
 * @param cwd - Only those that work in this folder.
 */
export function processesWith(mark: string, cwd?: string): string[] {
  if (uncountable !== undefined) return []
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => cwd === undefined || workingDirectory(pid) === cwd)
    .filter(
      (pid) =>
        parentOf(pid) === process.pid ||
        read(pid, 'environ').includes(mark) ||
        read(pid, 'cmdline').includes(mark),
    )
    .map((pid) => `${pid} ${read(pid, 'cmdline').replaceAll('\0', ' ').trim()}`)
}

/** Empty where it has ended, or is another user's. */
function read(pid: string, file: 'cmdline' | 'environ' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

/** proc_pid_stat(5): the name before it is in brackets and may hold spaces and brackets. */
function parentOf(pid: string): number {
  const stat = read(pid, 'stat')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
