import { getPriority } from 'node:os'
import { join } from 'node:path'
import type { CpuHost } from './precedence.js'
import { weightOf } from './weights.js'

/** An autogroup, as /proc/PID/autogroup shows it: sched(7). */
export interface Autogroup {
  readonly name: string
  readonly nice: number
}

/** The autogroup that a process was put in with its session; `undefined` where it is gone, or there are none. */
export function autogroupOf(pid: number | 'self', { proc, files }: CpuHost): Autogroup | undefined {
  const text = files.read(join(proc, String(pid), 'autogroup'))
  const [, name, nice] = /^(\/autogroup-\d+) nice (-?\d+)$/m.exec(text) ?? []
  return name === undefined ? undefined : { name, nice: Number(nice) }
}

export function autogroupsAreOn({ proc, files }: CpuHost): boolean {
  return files.read(join(proc, 'sys/kernel/sched_autogroup_enabled')).trim() === '1'
}

/**
 * What a thread of the gateway weighs beside a group that stands next to it.
 *
 * @param inRoot - Whether it is in the root of all task groups, where its session's autogroup stands for it.
 */
export function gatewayWeight(inRoot: boolean, host: CpuHost): number {
  const autogroup = inRoot && autogroupsAreOn(host) ? autogroupOf('self', host) : undefined
  return weightOf(autogroup?.nice ?? getPriority())
}
