import { mkdirSync, readlinkSync, renameSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SpawnerUnavailableError } from '../../errors.js'
import type { ListenMode } from './run.js'
import { groupName } from './cpu/group-name.js'
import { removeGroup } from './cpu/group-files.js'
import {
  foldersIn,
  isFolderName,
  makeFolder,
  readRecord,
  removeFolder,
  writeRecord,
} from './state-directory.js'

/** Finds one instance again, and never a later one: the token is in its processes' variables, pid and start time name its first. */
export type ProcessHandle = {
  readonly v: 1
  readonly id: string
  readonly generation: number
  /** 0 in a record that was written ahead of the process. */
  readonly pid: number
  readonly startTime: string
  readonly token: string
  /** `<run>/<instance>` in the state directory. */
  readonly dir: string
  readonly listen: ListenMode
  /** The port picked for it. */
  readonly port?: number
}

/** What is kept of an instance, so that a later run finds it. */
export type InstanceRecord = {
  readonly v: 1
  readonly gateway: string
  readonly owner: string
  readonly specHash: string
  readonly createdAtMs: number
  readonly handle: ProcessHandle
  /** It waits for an environment, and is no instance yet. */
  readonly waiting?: true
}

/** A process as a record keeps it. */
export type ProcessRecord = { readonly pid: number; readonly startTime: string }

/** Whose run a folder is. */
export type HostRecord = ProcessRecord & {
  readonly v: 1
  /** Pids mean nothing in another pid namespace: a container that shares the folder. */
  readonly namespace: string
  /** It has let go of what still runs. */
  readonly closed: boolean
}

/** The folder of one run of a gateway: who it is, its watchdog, and a folder for each instance. */
export class RunFolder {
  readonly path: string
  /** Whose it is, where it is this process's own. */
  #record: HostRecord | undefined
  #group: string | undefined

  constructor(
    readonly stateDir: string,
    readonly name: string,
  ) {
    this.path = join(stateDir, name)
  }

  /** Makes the folder of a new run; nobody sees it before it says whose it is. */
  static create(stateDir: string, host: ProcessRecord): RunFolder {
    const name = makeFolder(stateDir)
    const unfinished = join(stateDir, `${name}.new`)
    renameSync(join(stateDir, name), unfinished)
    const record: HostRecord = { v: 1, ...host, namespace: pidNamespace(), closed: false }
    writeRecord(join(unfinished, 'host.json'), record)
    const run = new RunFolder(stateDir, name)
    run.#record = record
    renameSync(unfinished, run.path)
    return run
  }

  host(): HostRecord | undefined {
    const record = readRecord(join(this.path, 'host.json'))
    return record?.['v'] === 1 ? (record as HostRecord) : undefined
  }

  letGo(): void {
    const host = this.host()
    if (host) writeRecord(join(this.path, 'host.json'), { ...host, closed: true })
  }

  watchdog(): ProcessRecord | undefined {
    const record = readRecord(join(this.path, 'watchdog.json'))
    return typeof record?.['pid'] === 'number' ? (record as ProcessRecord) : undefined
  }

  guardedBy(watchdog: ProcessRecord): void {
    writeRecord(join(this.path, 'watchdog.json'), watchdog)
  }

  /** Notes the control group that this run's instances will be in, ahead of its making. */
  groupedIn(group: string): void {
    this.#group = group
    writeRecord(join(this.path, 'group.json'), { v: 1, group })
  }

  makeInstance(): string {
    try {
      return makeFolder(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !this.#record) throw error
      // What cleans up temporary folders by their age has removed it: tmpfiles.d(5).
      mkdirSync(this.path, { recursive: true, mode: 0o700 })
      writeRecord(join(this.path, 'host.json'), this.#record)
      if (this.#group !== undefined) this.groupedIn(this.#group)
      return makeFolder(this.path)
    }
  }

  instances(): string[] {
    return foldersIn(this.path)
  }

  record(instance: string): InstanceRecord | undefined {
    const record = readRecord(join(this.path, instance, 'instance.json'))
    return record?.['v'] === 1 ? (record as InstanceRecord) : undefined
  }

  write(instance: string, record: InstanceRecord): void {
    writeRecord(join(this.path, instance, 'instance.json'), record)
  }

  /** Removes it where it holds no instance any more, with its control group. */
  async removeIfEmpty(): Promise<void> {
    if (this.instances().length > 0) return
    const group = this.#noted()
    // Somebody who could not be told for the instance's is in there: a later run tries again.
    if (group !== undefined && !(await removeGroup(group))) return
    removeFolder(this.path)
    // A state directory of the default name is Alcove's own: the last one out removes it.
    if (!/^alcove-\d+$/.test(basename(this.stateDir))) return
    try {
      rmdirSync(this.stateDir)
    } catch {
      // Others are in there.
    }
  }

  #noted(): string | undefined {
    const group = readRecord(join(this.path, 'group.json'))?.['group']
    const isOwn = typeof group === 'string' && basename(group) === groupName(this.name)
    return isOwn ? group : undefined
  }
}

/** The run and the instance that a handle's `dir` names; undefined where it names something else. */
function foldersOf(dir: string): { readonly run: string; readonly instance: string } | undefined {
  const [run = '', instance = '', ...more] = dir.split('/')
  const sound = isFolderName(run) && isFolderName(instance) && more.length === 0
  return sound ? { run, instance } : undefined
}

/**
 * A handle may come from a file or from another gateway: nothing is signalled or removed by one that can't be right.
 *
 * @throws {@link SpawnerUnavailableError}
 */
export function assertOwnHandle(handle: ProcessHandle): ProcessHandle {
  const sound =
    handle?.v === 1 &&
    /^[0-9a-f]{32}$/.test(handle.token) &&
    Number.isSafeInteger(handle.pid) &&
    handle.pid >= 0 &&
    typeof handle.startTime === 'string' &&
    foldersOf(handle.dir) !== undefined
  if (sound) return handle
  throw new SpawnerUnavailableError(
    "The process spawner can't tell about a handle that this version of it did not make",
  )
}

/** pid_namespaces(7); the same text for all where there are none. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
