import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Control groups as files. What changes them is asynchronous: to move a process, the kernel waits for some 10 ms until none of the machine
 * is in mid-fork (cgroup_threadgroup_rwsem of kernel/cgroup/cgroup.c), and all other changes wait for that, whoever makes them.
 */
export interface GroupFiles {
  /** Empty where there is none, or it may not be read. */
  read(path: string): string
  write(path: string, text: string): Promise<void>
  /** Moves a process with all of its threads. */
  move(group: string, pid: number): Promise<void>
  /** Harmless where it is there. */
  make(group: string): Promise<void>
  /** Removes a group that has no processes, and groups in it. `false` where there are some. */
  remove(group: string): Promise<boolean>
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
    return writeFile(path, text, { flag: 'r+' })
  },
  move(group, pid) {
    return writeFile(join(group, 'cgroup.procs'), String(pid), { flag: 'r+' })
  },
  async make(group) {
    try {
      await mkdir(group)
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

/** See {@link GroupFiles.remove}. The files in a group are the kernel's and go with it, by rmdir(2) alone. */
export async function removeGroup(group: string): Promise<boolean> {
  // eslint-disable-next-line no-await-in-loop -- the kernel does one after another anyway
  for (const name of folders(group)) await removeGroup(join(group, name))
  try {
    await rmdir(group)
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
