/* eslint-disable no-await-in-loop -- one session after another */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessInfo, ProcessTable } from '../process-table.js'
import type { ProcessTree } from '../process-tree.js'
import { autogroupOf, autogroupsAreOn, gatewayWeight } from './gateway-weight.js'
import { codeOf } from './group-files.js'
import { ownCgroup } from './own-cgroup.js'
import type { CpuHost, CpuPrecedence, RunPrecedence } from './precedence.js'
import { niceFor } from './weights.js'

/** A new session is a new autogroup, at nice 0, whoever begins it: a program that does is found by looking. */
const looksEachMs = 5000
/** Whoever is not root may write one value each 100 ms, on the whole machine: proc_sched_autogroup_set_nice(). */
const busyPauseMs = 110
const maxAttempts = 20

/**
 * The nice value of a session as a whole: sched(7). A plain nice(1) counts inside of a session only, where autogroups are on. They
 * count only for who is in the root of all task groups.
 *
 * @param eachMs - How often new sessions are looked for.
 */
export function autogroup(
  share: number,
  host: CpuHost,
  eachMs = looksEachMs,
): CpuPrecedence | string {
  if (!autogroupsAreOn(host)) return 'sessions are not grouped (kernel.sched_autogroup_enabled)'
  if (!isInRootTaskGroup(host)) return 'sessions are not grouped in a cgroup that shares out CPU'
  if (!autogroupOf('self', host)) return 'the gateway’s own session has no group'
  return {
    way: 'autogroup',
    open: (_run, table) =>
      new AutogroupRun(niceFor(share, gatewayWeight(true, host)), host, table, eachMs),
  }
}

/** With cgroup v2, `cpu` is handed down from the top: whoever's topmost group does not have it has no other task group. */
function isInRootTaskGroup(host: CpuHost): boolean {
  const own = ownCgroup(host)
  if (!own || own.isRoot) return true
  if (own.version === 1 || own.top === undefined) return false
  const [, topmost = ''] = own.path.split('/')
  const controllers = join(own.top, topmost, 'cgroup.controllers')
  return host.files.exists(controllers) && !host.files.read(controllers).includes('cpu')
}

type Placed = Pick<ProcessInfo, 'pid' | 'startTime'>

class AutogroupRun implements RunPrecedence {
  readonly group = undefined
  readonly #trees = new Map<string, ProcessTree>()
  readonly #own: string | undefined
  #writes: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly nice: number,
    private readonly host: CpuHost,
    private readonly table: ProcessTable,
    private readonly eachMs: number,
  ) {
    this.#own = autogroupOf('self', host)?.name
  }

  place(name: string, tree: ProcessTree): Promise<void> {
    this.#trees.set(name, tree)
    this.#timer ??= setInterval(() => void this.#look().catch(() => {}), this.eachMs).unref()
    return this.#enqueue(tree.root)
  }

  async remove(name: string): Promise<void> {
    this.#trees.delete(name)
    if (this.#trees.size === 0) this.#rest()
  }

  async close(): Promise<void> {
    this.#trees.clear()
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** One reading of the table for all. */
  async #look(): Promise<void> {
    const snapshot = await this.table.read()
    for (const tree of this.#trees.values()) {
      for (const info of tree.membersIn(snapshot)) await this.#enqueue(info)
    }
  }

  #enqueue(info: Placed): Promise<void> {
    const write = this.#writes.then(() => this.#write(info))
    this.#writes = write.catch(() => {})
    return write
  }

  async #write(info: Placed): Promise<void> {
    const { pid } = info
    for (let attempt = 1; ; attempt += 1) {
      // The pid may have been given to another process since the look.
      const now = this.table.isAlive(info) ? autogroupOf(pid, this.host) : undefined
      // The gateway's own session would be a strange one for an environment, and the last one to be put behind.
      if (!now || now.name === this.#own || now.nice >= this.nice) return
      try {
        return this.host.files.write(
          join(this.host.proc, String(pid), 'autogroup'),
          String(this.nice),
        )
      } catch (error) {
        if (codeOf(error) === 'ESRCH' || codeOf(error) === 'ENOENT') return
        if (codeOf(error) !== 'EAGAIN' || attempt === maxAttempts) throw error
        await pause(busyPauseMs, undefined, { ref: false })
      }
    }
  }
}
