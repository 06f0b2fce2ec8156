import { join } from 'node:path'
import { codeOf, type GroupFiles } from './group-files.js'

/** The group of a run's environments; the name of the run's folder is no other run's. */
export const groupName = (run: string): string => `alcove-${run}`

export const isGroupName = (name: string): boolean => /^alcove-[a-z0-9]{8}$/.test(name)

/** Why no group can be made in there; `undefined` where it can. Tried out: access rights do not tell of read-only mounts. */
export async function reasonAgainst(
  folder: string,
  files: GroupFiles,
): Promise<string | undefined> {
  // Always the same one: where the host dies in between, the next one removes it.
  const probe = join(folder, 'alcove-probe')
  try {
    await files.make(probe)
    await files.remove(probe)
    return undefined
  } catch (error) {
    return `no group can be made in the gateway’s own cgroup (${codeOf(error) ?? 'unknown error'})`
  }
}
