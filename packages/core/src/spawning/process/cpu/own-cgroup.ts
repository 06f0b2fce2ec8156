import { readlinkSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { CpuHost } from './precedence.js'

/** Which control group this process is in, of those that share out CPU. */
export interface OwnCgroup {
  readonly version: 1 | 2
  /** From the root of the hierarchy, as far as this process may know it. */
  readonly path: string
  /** Where it is mounted; `undefined`: nowhere. */
  readonly folder: string | undefined
  /** Beyond doubt the root of the whole hierarchy, and not of a container's part of it. */
  readonly isRoot: boolean
  /** Where its top is mounted. */
  readonly top: string | undefined
}

/** The inode of the first cgroup namespace is a constant: PROC_CGROUP_INIT_INO of include/linux/proc_ns.h. */
const firstNamespace = 'cgroup:[4026531835]'

/**
 * Reads /proc/self/cgroup and /proc/self/mountinfo: cgroups(7), proc_pid_mountinfo(5).
 *
 * @returns `undefined` where the kernel has no control groups.
 */
export function ownCgroup({ proc, files }: CpuHost): OwnCgroup | undefined {
  const groups = files
    .read(join(proc, 'self/cgroup'))
    .split('\n')
    .flatMap((line) => {
      const [, number, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
      return path === undefined ? [] : [{ number, controllers: controllers ?? '', path }]
    })
  const first = groups.find(({ controllers }) => controllers.split(',').includes('cpu'))
  const own =
    first ?? groups.find(({ number, controllers }) => number === '0' && controllers === '')
  if (!own) return undefined
  const version = first ? 1 : 2
  const mount = mountsIn(files.read(join(proc, 'self/mountinfo'))).find(
    ({ type, options }) =>
      type === (version === 1 ? 'cgroup' : 'cgroup2') &&
      (version === 2 || options.split(',').includes('cpu')),
  )
  return {
    version,
    path: own.path,
    folder: mount && folderOf(own.path, mount),
    isRoot: own.path === '/' && isFirstNamespace(proc),
    top: mount && isFirstNamespace(proc) ? folderOf('/', mount) : undefined,
  }
}

interface Mount {
  /** What of the hierarchy is mounted. */
  readonly root: string
  readonly point: string
  readonly type: string
  readonly options: string
}

function mountsIn(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    // The fields between the mount's and the file system's end with a hyphen.
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, point] = before.split(' ').map(unescape)
    const [type = '', , options = ''] = after.split(' ')
    return root === undefined || point === undefined ? [] : [{ root, point, type, options }]
  })
}

/** Space, tab, newline and backslash are written in octal. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCodePoint(Number.parseInt(code, 8)),
  )
}

/** Where a group is; `undefined` where this mount does not show it, as in a container that sees a part of the hierarchy only. */
function folderOf(path: string, { root, point }: Mount): string | undefined {
  const below = posix.relative(root, path)
  return below === '..' || below.startsWith('../') ? undefined : join(point, below)
}

function isFirstNamespace(proc: string): boolean {
  try {
    return readlinkSync(join(proc, 'self/ns/cgroup')) === firstNamespace
  } catch {
    return false
  }
}
