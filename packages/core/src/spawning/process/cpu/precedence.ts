import type { ProcessTable } from '../process-table.js'
import type { ProcessTree } from '../process-tree.js'
import { type GroupFiles, kernelGroupFiles } from './group-files.js'

/** Where this host's CPU is looked for; tests have their own. */
export interface CpuHost {
  /** The folder of proc(5). */
  readonly proc: string
  readonly files: GroupFiles
}

/** This machine. */
export const thisHost: CpuHost = { proc: '/proc', files: kernelGroupFiles }

/** One way of letting a gateway go before its environments, found to work on this host. */
export interface CpuPrecedence {
  readonly way: 'cgroup v1' | 'cgroup v2' | 'autogroup'
  /** Begins for a run of a gateway, whose name is that of its folder. Nothing is made yet. */
  open(run: string, table: ProcessTable): RunPrecedence
}

/** Lets a gateway go before the environments of one of its runs. */
export interface RunPrecedence {
  /** The group that all of them will be in, for who cleans up after a killed host; `undefined`: there is nothing to clean up. */
  readonly group: string | undefined
  /**
   * Puts all processes of an instance behind the gateway, and with them all that they start.
   *
   * @param name - A plain name for a file.
   * @param isNew - Whether its first process was started just now.
   * @throws the system's error. What has ended meanwhile is none.
   */
  place(name: string, tree: ProcessTree, isNew: boolean): Promise<void>
  /** Ends what was made for an instance, once nothing of it runs. Idempotent; never throws. */
  remove(name: string): Promise<void>
  /** Ends all that was made. Idempotent; never throws. */
  close(): Promise<void>
}

/** Looks for one way; a text says why it does not exist here. */
export type PrecedenceFinder = (share: number, host: CpuHost) => Promise<CpuPrecedence | string>
