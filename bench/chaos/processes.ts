import { readdirSync, readFileSync } from 'node:fs'
import { markedProcesses } from '../../test/leftovers/leftovers.ts'

/** A process that is never taken for a later one with its number. */
export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
  /** Clock ticks since the system started. */
  readonly startTime: string
}

/** All that run for an environment, or, without one, for a gateway. */
export function processesOf(mark: string, id?: string): RunningProcess[] {
  return markedProcesses(id === undefined ? `${mark}/` : `${mark}/${id}/`).flatMap((found) => {
    const { startTime } = statOf(found.pid) ?? {}
    return startTime === undefined ? [] : [{ ...found, startTime }]
  })
}

/** The instances that have processes, by the tokens in their variables; the one begun last stands last. */
export function instancesOf(mark: string, id: string): ReadonlyMap<string, RunningProcess[]> {
  const instances = new Map<string, RunningProcess[]>()
  const byAge = processesOf(mark, id).sort((a, b) => Number(a.startTime) - Number(b.startTime))
  for (const each of byAge) {
    const token = tokenOf(each.pid)
    if (token === undefined) continue
    const others = instances.get(token)
    if (others) others.push(each)
    else instances.set(token, [each])
  }
  return instances
}

function tokenOf(pid: number): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return variables.find((variable) => variable.startsWith('ALCOVE_INSTANCE='))
  } catch {
    return undefined
  }
}

/** Sends a signal to exactly this process. @returns whether it was still there */
export function signal({ pid, startTime }: RunningProcess, name: NodeJS.Signals): boolean {
  if (statOf(pid)?.startTime !== startTime) return false
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** What there is of a process in /proc, a zombie too. */
export function statOf(
  pid: number,
): { readonly state: string; readonly parent: number; readonly startTime: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc_pid_stat(5): the name before it is in brackets and may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** The children of a process, in words, those included that have ended and were not waited for. */
export function childrenOf(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name))
      return stat?.parent === parent ? [`process ${name} (${stat.state})`] : []
    })
}
