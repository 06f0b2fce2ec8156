import { join } from 'node:path'
import type { CpuHost } from './precedence.js'

/**
 * The pids of all processes that may have begun after one, as far as they live: pids are given out in a circle (alloc_pid() of
 * kernel/pid.c), and /proc lists them in their order, so that none slips by that is forked during the look. It is a tenth of the work of
 * reading what each of them is, which this spares where nothing else begins on the machine.
 *
 * @returns `undefined` where it can't be told, since the circle has been closed meanwhile.
 */
export function begunSince(pid: number, { proc, files }: CpuHost): readonly number[] | undefined {
  const all = files.folders(proc).map(Number)
  // The pid that was given out last: proc_loadavg(5).
  const last = Number(/ (\d+)\s*$/.exec(files.read(join(proc, 'loadavg')))?.[1])
  return last >= pid ? all.filter((other) => other > pid) : undefined
}
