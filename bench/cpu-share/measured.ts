import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** What one measurement tells. */
export interface Measured {
  /** Of the CPU time of the environments and the gateway together, what the environments had. */
  readonly share: number
  /** Where the kernel has the first environment: the line of /proc/PID/cgroup, and /proc/PID/autogroup. */
  readonly cgroup: string
  readonly autogroup: string
}

/** What is done so that the gateway goes first. */
export interface Measure {
  readonly name: string
  /** Words ahead of the program that measures. */
  readonly around: readonly string[]
  readonly percent: 'off' | '20'
  /** Words ahead of an environment's command. */
  readonly before: readonly string[]
  /** Whether the environments are where they should be. */
  worked(measured: Measured): boolean
}

const behind = /alcove-[a-z0-9]{8}\/[a-z0-9-]{17}$/

/** All that this host can do, and why the others are missing. */
export function measures(): {
  readonly all: readonly Measure[]
  readonly missing: readonly string[]
} {
  const mount = cpuMount()
  const isRoot = process.getuid?.() === 0
  const none = { around: [], percent: 'off', before: [] } as const
  const inNoGroup = ({ cgroup, autogroup }: Measured): boolean =>
    !behind.test(cgroup) && !/nice [1-9]/.test(autogroup)
  const all: Measure[] = [
    { ...none, name: 'nothing', worked: inNoGroup },
    { ...none, name: 'nice 19', before: ['nice', '-n', '19'], worked: inNoGroup },
  ]
  const missing: string[] = []
  all.push({
    ...none,
    name: 'processSpawner()',
    percent: '20',
    worked: (measured) => !inNoGroup(measured),
  })
  if (mount !== undefined && isRoot) {
    // In a mount namespace of its own it sees no groups, like a host that has none.
    const hidden = ['unshare', '--mount', 'sh', '-c', 'umount -l "$0" && exec "$@"', mount]
    all.push({
      ...none,
      name: 'the same without cgroups',
      around: hidden,
      percent: '20',
      worked: ({ cgroup, autogroup }) => !behind.test(cgroup) && /nice [1-9]/.test(autogroup),
    })
  } else missing.push('autogroups alone: it takes root, and cgroups of version 1, to hide them')
  return { all, missing }
}

/** @throws where the environments are not where they should be. */
export async function measureShare(
  { around, percent, before, name, worked }: Measure,
  core: number,
  count: number,
): Promise<Measured> {
  const program = join(import.meta.dirname, 'programs/measure.ts')
  const words = [process.execPath, program, String(core), String(count), percent, ...before]
  const [file = '', ...args] = [...around, ...words]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const measured = JSON.parse(output) as Measured
  if (worked(measured)) return measured
  throw new Error(`"${name}" did not do what it says: ${output.trim()}`)
}

/** Where the hierarchy of version 1 that shares out CPU is mounted. */
function cpuMount(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
  const line = mounts.find((line_) => / - cgroup \S+ (\S+,)?cpu(,|$)/.test(line_))
  return line?.split(' ')[4]
}
