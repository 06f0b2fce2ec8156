/* eslint-disable no-await-in-loop -- one process after another */
import { basename, dirname, join } from 'node:path'
import { parseStat } from '../proc-table.js'
import { CgroupRun } from './cgroup-run.js'
import { gatewayWeight } from './gateway-weight.js'
import { codeOf } from './group-files.js'
import { groupName, reasonAgainst, isGroupName } from './group-name.js'
import type { OwnCgroup } from './own-cgroup.js'
import type { CpuHost, CpuPrecedence } from './precedence.js'
import { cgroupWeight, groupWeight, inRange } from './weights.js'

const defaultCgroupWeight = 100
/** CGROUP_WEIGHT_MIN and CGROUP_WEIGHT_MAX of include/linux/cgroup.h. */
const leastWeight = 1
const mostWeight = 10_000
/** Where the gateway itself moves to. Not a run's own: all runs of one process share it. */
const leafName = 'alcove-gateway'
const maxPasses = 5

/**
 * A group below the gateway's own: https://docs.kernel.org/admin-guide/cgroup-v2.html. A group that hands `cpu` on to others may have no
 * processes itself, but for the root ("no internal process constraint"); so the gateway steps aside into a leaf beside its
 * environments, if nobody but itself and what it has started is in its group. Others may be there because somebody wants them there,
 * and looks for them there.
 */
export async function cgroupV2(
  own: OwnCgroup & { readonly folder: string },
  share: number,
  host: CpuHost,
): Promise<CpuPrecedence | string> {
  const base = basename(own.folder) === leafName ? dirname(own.folder) : own.folder
  const reason = await new Base(base, own.isRoot, host).reasonAgainst()
  if (reason !== undefined) return reason
  return {
    way: 'cgroup v2',
    open(run, table) {
      const group = join(base, groupName(run))
      const weight = groupWeight(share, 1)
      const gateway = own.isRoot ? cgroupWeight(gatewayWeight(true, host)) : defaultCgroupWeight
      const groups = new Base(base, own.isRoot, host)
      return new CgroupRun({
        group,
        host,
        table,
        async prepare() {
          await groups.handOnCpu()
          await host.files.make(group)
          const text = String(inRange(weight * gateway, leastWeight, mostWeight))
          await host.files.write(join(group, 'cpu.weight'), text)
        },
        undo: () => groups.takeBackCpu(),
      })
    },
  }
}

/** The group that was handed to the gateway. */
class Base {
  readonly #leaf: string
  readonly #control: string
  #handedOn = false

  constructor(
    private readonly base: string,
    private readonly isRoot: boolean,
    private readonly host: CpuHost,
  ) {
    this.#leaf = join(base, leafName)
    this.#control = join(base, 'cgroup.subtree_control')
  }

  async reasonAgainst(): Promise<string | undefined> {
    const { files } = this.host
    if (!this.#lists('cgroup.controllers')) return 'the gateway’s own cgroup was not given `cpu`'
    const needed = ['cgroup.procs', 'cgroup.subtree_control'].map((name) => join(this.base, name))
    if (!needed.every((path) => files.mayWrite(path))) {
      return 'the gateway’s own cgroup was not handed to its user'
    }
    if (!this.#mustStepAside()) return reasonAgainst(this.base, files)
    const strangers = this.#processes().filter((pid) => !this.#isOwn(pid))
    if (strangers.length > 0) {
      return `other processes are in the gateway’s own cgroup (${strangers.slice(0, 3).join(', ')})`
    }
    return reasonAgainst(this.base, files)
  }

  /** @throws the system's error; then all is as it was. */
  async handOnCpu(): Promise<void> {
    if (this.#lists('cgroup.subtree_control')) return
    this.#handedOn = true
    if (!this.#mustStepAside()) return this.host.files.write(this.#control, '+cpu')
    await this.host.files.make(this.#leaf)
    try {
      for (let pass = 1; ; pass += 1) {
        // The gateway may have forked meanwhile, which makes the kernel say EBUSY once more.
        await this.#moveAll(this.base, this.#leaf)
        try {
          return await this.host.files.write(this.#control, '+cpu')
        } catch (error) {
          if (codeOf(error) !== 'EBUSY' || pass === maxPasses) throw error
        }
      }
    } catch (error) {
      await this.#stepBack()
      throw error
    }
  }

  /** Once no other run of this process needs it. Never throws. */
  async takeBackCpu(): Promise<void> {
    const { files } = this.host
    // A run that began later than the one that handed it on finds the leaf.
    if (!this.#handedOn && !files.exists(this.#leaf)) return
    if (files.folders(this.base).some(isGroupName)) return
    try {
      await files.write(this.#control, '-cpu')
      await this.#stepBack()
    } catch {
      // It goes with the group that was handed to the gateway.
    }
  }

  async #stepBack(): Promise<void> {
    await this.#moveAll(this.#leaf, this.base)
    await this.host.files.remove(this.#leaf)
  }

  async #moveAll(from: string, to: string): Promise<void> {
    for (const pid of this.#processes(from)) {
      if (from === this.base && !this.#isOwn(pid)) continue
      await this.host.files.move(to, pid).catch((error: unknown) => {
        if (codeOf(error) !== 'ESRCH') throw error
      })
    }
  }

  #mustStepAside(): boolean {
    return !this.isRoot && !this.#lists('cgroup.subtree_control')
  }

  #lists(file: string): boolean {
    return this.host.files.read(join(this.base, file)).trim().split(' ').includes('cpu')
  }

  #processes(group = this.base): readonly number[] {
    const text = this.host.files.read(join(group, 'cgroup.procs'))
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map(Number)
  }

  /** Whether it is the gateway, or was started by it. 0 is a process of another pid namespace. */
  #isOwn(pid: number): boolean {
    for (let ancestor = pid; ancestor > 1; ancestor = this.#parentOf(ancestor)) {
      if (ancestor === process.pid) return true
    }
    return pid === process.pid
  }

  #parentOf(pid: number): number {
    const line = this.host.files.read(join(this.host.proc, String(pid), 'stat'))
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return parseStat(pid, fields)?.parent ?? 0
  }
}
