/* eslint-disable no-await-in-loop -- one process after another, and one look after another */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessInfo, ProcessTable } from '../process-table.js'
import type { ProcessTree } from '../process-tree.js'
import { begunSince } from './begun-since.js'
import { codeOf, type GroupFiles } from './group-files.js'
import type { CpuHost, RunPrecedence } from './precedence.js'

/** How often a tree is looked at for what was forked by a process that was not in its group yet. */
const maxLooks = 10
/** A process that ends leaves its group a moment before or after it counts as gone. */
const removalPausesMs = [2, 5, 10, 25, 50, 100, 200]

/** What a run's groups are made of. */
export interface CgroupRunParts {
  /** The group of all environments. */
  readonly group: string
  readonly host: CpuHost
  readonly table: ProcessTable
  /** Makes the group. Called once, ahead of the first process. */
  prepare(): Promise<void>
  /** Takes back what was done outside of the group, once that is gone. */
  undo(): Promise<void>
}

/** A group for all environments of a run, whose weight is what they get together, and in it one for each, all alike. */
export class CgroupRun implements RunPrecedence {
  readonly group: string
  readonly #files: GroupFiles
  readonly #table: ProcessTable
  #prepared: Promise<void> | undefined
  /** One at a time: each takes one of the four threads that Node.js does all its files with, for as long as the kernel waits. */
  #changes: Promise<unknown> = Promise.resolve()
  readonly #placing = new Map<string, Promise<void>>()

  constructor(private readonly parts: CgroupRunParts) {
    this.group = parts.group
    this.#files = parts.host.files
    this.#table = parts.table
  }

  place(name: string, tree: ProcessTree, isNew: boolean): Promise<void> {
    const placing = this.#place(join(this.group, name), tree, isNew)
    this.#placing.set(name, placing)
    return placing
  }

  async remove(name: string): Promise<void> {
    const placing = this.#placing.get(name)
    if (!placing) return
    await placing.catch(() => {})
    this.#placing.delete(name)
    // What is left after that was no process of the instance that could be told; close() tries again.
    const group = join(this.group, name)
    if (!(await this.#change(() => this.#files.remove(group)))) void this.#removeLater(group)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#placing.values())
    if (!this.#prepared) return
    await this.#prepared.catch(() => {})
    this.#prepared = undefined
    await this.#removeLater(this.group)
    await this.parts.undo()
  }

  async #place(group: string, tree: ProcessTree, isNew: boolean): Promise<void> {
    this.#prepared ??= this.parts.prepare()
    await this.#prepared
    await this.#change(() => this.#files.make(group))
    const first = { pid: tree.root.pid, startTime: tree.root.startTime }
    await this.#move(group, first)
    // All that it starts from now on begins in the group. What it started before, or that one in turn, is looked for.
    for (let look = 0; look < maxLooks; look += 1) {
      const begun = isNew ? begunSince(first.pid, this.parts.host) : undefined
      let inside = this.#pidsIn(group)
      if (begun?.every((pid) => inside.has(pid))) return
      const members = await tree.members()
      inside = this.#pidsIn(group)
      const outside = members.filter(({ pid }) => !inside.has(pid))
      if (outside.length === 0) return
      for (const info of outside) await this.#move(group, info)
    }
  }

  #move(group: string, info: Pick<ProcessInfo, 'pid' | 'startTime'>): Promise<void> {
    return this.#change(async () => {
      // The pid may have been given to another process since the look.
      if (!this.#table.isAlive(info)) return
      await this.#files.move(group, info.pid).catch((error: unknown) => {
        // Ended meanwhile.
        if (codeOf(error) !== 'ESRCH') throw error
      })
    })
  }

  #change<Result>(what: () => Promise<Result>): Promise<Result> {
    const change = this.#changes.then(what)
    this.#changes = change.catch(() => {})
    return change
  }

  /** With those of groups that the environment has made itself: they are where it wants them, and count for its group. */
  #pidsIn(group: string): ReadonlySet<number> {
    const own = this.#files.read(join(group, 'cgroup.procs')).split('\n').map(Number)
    const all = new Set(own)
    for (const name of this.#files.folders(group)) {
      for (const pid of this.#pidsIn(join(group, name))) all.add(pid)
    }
    return all
  }

  async #removeLater(group: string): Promise<void> {
    for (const ms of removalPausesMs) {
      if (await this.#change(() => this.#files.remove(group))) return
      await pause(ms, undefined, { ref: false })
    }
    await this.#change(() => this.#files.remove(group))
  }
}
