import { join } from 'node:path'
import type { ExitInfo } from '../spawner.js'
import type { GatewayRun } from './gateway-run.js'
import { lookForEndpoint } from './listener/look-for-endpoint.js'
import { ProcessInstance } from './process-instance.js'
import type { ProcessTable } from './process-table.js'
import type { ProcessTree } from './process-tree.js'
import type { ProcessHandle, RunFolder } from './run-folder.js'
import { removeFolder } from './state-directory.js'

/** Nothing tells the end of a process that is no child (pidfd_open(2) is out of Node.js's reach). */
const looksEachMs = 500

/** What is known of an instance that another process has started. */
export interface AdoptedParts {
  readonly tree: ProcessTree
  readonly table: ProcessTable
  readonly stateDir: string
  readonly suspended: boolean
  /** The run that it was left by: then it is this one's to clean up. */
  readonly takenFrom?: RunFolder
  /** The run that takes it over. */
  readonly takenBy?: GatewayRun
}

/** Looks after a process that is not this one's child: there is no output, and its end is seen a moment later. */
export function adoptInstance(handle: ProcessHandle, parts: AdoptedParts): ProcessInstance {
  const { tree, table, stateDir, suspended, takenFrom, takenBy } = parts
  const folder = join(stateDir, handle.dir)
  let timer: NodeJS.Timeout | undefined
  const ended = new Promise<ExitInfo>((resolve) => {
    timer = setInterval(() => {
      if (table.isAlive(handle)) return
      clearInterval(timer)
      resolve({ reason: 'lost' })
    }, looksEachMs).unref()
  })
  const instance = new ProcessInstance(
    {
      handle,
      folder,
      tree,
      ended,
      ...lookForEndpoint(handle, folder, tree),
      letGo: () => clearInterval(timer),
      async cleanUp() {
        clearInterval(timer)
        await takenBy?.unplace(handle)
        if (!takenFrom) return
        removeFolder(folder)
        await takenFrom.removeIfEmpty()
      },
    },
    suspended,
  )
  // Out of the groups of the run that is over, into those of the one that looks after it.
  void takenBy?.place(handle, tree, false).then((failure) => {
    if (failure !== undefined) instance.output.add(failure)
  })
  return instance
}
