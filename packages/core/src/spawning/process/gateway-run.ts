import { randomBytes } from 'node:crypto'
import type { CpuPrecedence, RunPrecedence } from './cpu/precedence.js'
import type { ProcessTable } from './process-table.js'
import type { ProcessTree } from './process-tree.js'
import { type ProcessHandle, RunFolder } from './run-folder.js'
import { openStateDirectory } from './state-directory.js'
import { Watchdog } from './watchdog.js'

/** One run of a gateway: the folder with what it has started, and the program that ends that with it. */
export class GatewayRun {
  /** In the variables of every process that it starts. */
  readonly token = randomBytes(16).toString('hex')
  readonly watchdog: Watchdog
  /** `undefined`: this host has no way, or the gateway does not want it. */
  readonly #precedence: RunPrecedence | undefined

  private constructor(
    readonly folder: RunFolder,
    table: ProcessTable,
    precedence: CpuPrecedence | undefined,
  ) {
    this.#precedence = precedence?.open(folder.name, table)
    const group = this.#precedence?.group
    if (group !== undefined) folder.groupedIn(group)
    this.watchdog = new Watchdog(this.token, folder, table, group)
  }

  static async open(
    stateDir: string | undefined,
    table: ProcessTable,
    precedence: CpuPrecedence | undefined,
  ): Promise<GatewayRun> {
    const { startTime } = await table.birthOf(process.pid)
    const host = { pid: process.pid, startTime }
    for (let attempt = 1; ; attempt += 1) {
      try {
        const folder = RunFolder.create(openStateDirectory(stateDir), host)
        return new GatewayRun(folder, table, precedence)
      } catch (error) {
        // Another gateway, the last one out, has just removed the state directory.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error
      }
    }
  }

  /** Puts an instance behind the gateway; resolves to why that failed, as a line for its log. */
  async place(
    handle: ProcessHandle,
    tree: ProcessTree,
    isNew: boolean,
  ): Promise<string | undefined> {
    try {
      await this.#precedence?.place(placeName(handle), tree, isNew)
      return undefined
    } catch (error) {
      return `alcove: it could not be put behind the gateway, and takes as much CPU as it gets: ${(error as Error).message}`
    }
  }

  /** Ends what {@link place} has made, once nothing of the instance runs. */
  async unplace(handle: Pick<ProcessHandle, 'dir'>): Promise<void> {
    await this.#precedence?.remove(placeName(handle))
  }

  async close(): Promise<void> {
    await this.#precedence?.close()
    await this.watchdog.close()
    // Where something has to stay, it is a later run's to remove, also while this process lives.
    this.folder.letGo()
    await this.folder.removeIfEmpty()
  }
}

/** Both parts, since what was taken over is of another run's folder. */
function placeName({ dir }: Pick<ProcessHandle, 'dir'>): string {
  return dir.replace('/', '-')
}
