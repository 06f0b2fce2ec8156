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

/**
 * A new session is a new autogroup, at nice 0, whoever begins it, and any program may change the value of its own: both is found by
 * looking.
 */
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
export async function autogroup(
  share: number,
  host: CpuHost,
  eachMs = looksEachMs,
): Promise<CpuPrecedence | string> {
  if (!autogroupsAreOn(host)) return 'sessions are not grouped (kernel.sched_autogroup_enabled)'
  if (!isInRootTaskGroup(host)) return 'sessions are not grouped in a cgroup that shares out CPU'
  if (!autogroupOf('self', host)) return 'the gateway’s own session has no group'
  return {
    way: 'autogroup',
    open: (_run, table) => new AutogroupRun({ share, host, table, eachMs }),
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

/** What a run looks after sessions with. */
interface AutogroupRunParts {
  readonly share: number
  readonly host: CpuHost
  readonly table: ProcessTable
  readonly eachMs: number
}

type Placed = Pick<ProcessInfo, 'pid' | 'startTime'>

/** Each session weighs for itself: the more there are, the less each of them. */
class AutogroupRun implements RunPrecedence {
  readonly group = undefined
  readonly #trees = new Map<string, ProcessTree>()
  readonly #own: string | undefined
  /** Of all environments, at the last look. */
  #sessions = 1
  #writes: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(private readonly parts: AutogroupRunParts) {
    this.#own = autogroupOf('self', parts.host)?.name
  }

  place(name: string, tree: ProcessTree): Promise<void> {
    this.#trees.set(name, tree)
    const before = this.#nice()
    this.#sessions = Math.max(this.#sessions, this.#trees.size)
    // Those that burn already must not wait for the next look. There are not many values, so that this is seldom.
    if (this.#nice() !== before) {
      for (const { root } of this.#trees.values()) this.#enqueue(root).catch(() => {})
    }
    this.#timer ??= setInterval(() => void this.#look().catch(() => {}), this.parts.eachMs).unref()
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
    this.#sessions = 1
  }

  /** One reading of the table for all. */
  async #look(): Promise<void> {
    const snapshot = await this.parts.table.read()
    const found = new Map<string, Placed>()
    for (const tree of this.#trees.values()) {
      for (const info of tree.membersIn(snapshot)) {
        const group = autogroupOf(info.pid, this.parts.host)
        if (group) found.set(group.name, info)
      }
    }
    this.#sessions = Math.max(1, found.size)
    for (const info of found.values()) await this.#enqueue(info)
  }

  #nice(): number {
    const { share, host } = this.parts
    return niceFor(share, gatewayWeight(true, host), this.#sessions)
  }

  #enqueue(info: Placed): Promise<void> {
    const write = this.#writes.then(() => this.#write(info))
    this.#writes = write.catch(() => {})
    return write
  }

  async #write(info: Placed): Promise<void> {
    const { host, table } = this.parts
    for (let attempt = 1; ; attempt += 1) {
      // The pid may have been given to another process since the look.
      const now = table.isAlive(info) ? autogroupOf(info.pid, host) : undefined
      const nice = this.#nice()
      // The gateway's own session would be a strange one for an environment, and the last one to be put behind.
      if (!now || now.name === this.#own || now.nice === nice) return
      try {
        return await host.files.write(join(host.proc, String(info.pid), 'autogroup'), String(nice))
      } catch (error) {
        if (codeOf(error) === 'ESRCH' || codeOf(error) === 'ENOENT') return
        if (codeOf(error) !== 'EAGAIN' || attempt === maxAttempts) throw error
        await pause(busyPauseMs, undefined, { ref: false })
      }
    }
  }
}
