import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { join } from 'node:path'

/** What the host has, as far as this process may use it. */
export interface HostMemory {
  readonly totalBytes: number
  /** What programs can still get without swapping. */
  availableBytes(): number
}

/** A file of the kernel; `undefined` where it can't be read. */
export type ReadKernelFile = (path: string) => string | undefined

/**
 * The memory of this machine, or of the control group that this process is in, whichever has less left.
 *
 * Caches of files count as available: the kernel gives them up before anything else. That is why process.availableMemory() won't do:
 * in a control group it takes them for used.
 */
export function hostMemory(read: ReadKernelFile = readKernelFile): HostMemory {
  const group = controlGroup(read)
  const total = totalmem()
  return {
    totalBytes: group ? Math.min(total, group.limitBytes) : total,
    availableBytes() {
      const ofMachine = machineAvailableBytes(read)
      const used = group?.usedBytes()
      return group && used !== undefined
        ? Math.max(0, Math.min(ofMachine, group.limitBytes - used))
        : ofMachine
    },
  }
}

/** proc(5): MemAvailable, an estimate of how much there is for new programs without swapping. */
function machineAvailableBytes(read: ReadKernelFile): number {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo') ?? '') ?? []
  return kibibytes === undefined ? freemem() : Number(kibibytes) * 1_024
}

interface ControlGroup {
  readonly limitBytes: number
  usedBytes(): number | undefined
}

/** cgroups(7): version 2 has one tree, version 1 one for each controller. */
function controlGroup(read: ReadKernelFile): ControlGroup | undefined {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'))
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('memory'))
  const v2 = lines.find(([number, controllers]) => number === '0' && controllers === '')
  const [files, path] = v1
    ? [versionOne, v1.slice(2).join(':')]
    : [versionTwo, v2?.slice(2).join(':')]
  if (path === undefined) return undefined
  // In a container the path may be the host's, while what is mounted begins at the container's own group.
  for (const folder of [join(files.root, path), files.root]) {
    const limitBytes = Number(read(join(folder, files.limit)) ?? Number.NaN)
    if (Number.isFinite(limitBytes)) {
      const stat = new RegExp(`^${files.cache} (\\d+)$`, 'm')
      return {
        limitBytes,
        usedBytes() {
          const used = Number(read(join(folder, files.usage)) ?? Number.NaN)
          const [, cache = '0'] = stat.exec(read(join(folder, 'memory.stat')) ?? '') ?? []
          return Number.isFinite(used) ? used - Number(cache) : undefined
        },
      }
    }
  }
  return undefined
}

/** The kernel's Documentation/admin-guide/cgroup-v1/memory.rst; without a limit the file has a number beyond any machine's memory. */
const versionOne = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  cache: 'total_inactive_file',
}

/** The kernel's Documentation/admin-guide/cgroup-v2.rst; without a limit the file says "max". */
const versionTwo = {
  root: '/sys/fs/cgroup',
  limit: 'memory.max',
  usage: 'memory.current',
  cache: 'inactive_file',
}

function readKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
