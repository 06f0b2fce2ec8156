import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Control groups as files. All but one is done within 0.1 ms; to move a process the kernel waits until no process of the machine is in
 * mid-fork, which takes about 10 ms (cgroup_threadgroup_rwsem of kernel/cgroup/cgroup.c), so that this one is asynchronous.
 */
export interface GroupFiles {
  /** Empty where there is none, or it may not be read. */
  read(path: string): string
  write(path: string, text: string): void
  /** Moves a process with all of its threads. */
  move(group: string, pid: number): Promise<void>
  /** Harmless where it is there. */
  make(group: string): void
  /** Removes a group that has no processes, and groups in it. `false` where there are some. */
  remove(group: string): boolean
  /** Those in a folder: groups in a group. */
  folders(path: string): readonly string[]
  exists(path: string): boolean
  mayWrite(path: string): boolean
}

export const kernelGroupFiles: GroupFiles = {
  read(path) {
    try {
      return readFileSync(path, 'latin1')
    } catch {
      return ''
    }
  },
  write(path, text) {
    // Not to be made where it is missing: there are no files but the kernel's own.
    writeFileSync(path, text, { flag: 'r+' })
  },
  move(group, pid) {
    return writeFile(join(group, 'cgroup.procs'), String(pid), { flag: 'r+' })
  },
  make(group) {
    try {
      mkdirSync(group)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  },
  remove: removeGroup,
  folders,
  exists: existsSync,
  mayWrite(path) {
    try {
      accessSync(path, constants.W_OK)
      return true
    } catch {
      return false
    }
  },
}

/** See {@link GroupFiles.remove}. The files in a group are the kernel's, and go with it: rmdir(2), where other folders need to be emptied. */
export function removeGroup(group: string): boolean {
  for (const name of folders(group)) removeGroup(join(group, name))
  try {
    rmdirSync(group)
    return true
  } catch (error) {
    // Anything else will not be otherwise later.
    return codeOf(error) !== 'EBUSY' && codeOf(error) !== 'ENOTEMPTY'
  }
}

function folders(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
