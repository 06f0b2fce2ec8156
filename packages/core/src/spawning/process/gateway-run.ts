import { randomBytes } from 'node:crypto'
import type { ProcessTable } from './process-table.js'
import { RunFolder } from './run-folder.js'
import { openStateDirectory } from './state-directory.js'
import { Watchdog } from './watchdog.js'

/** One run of a gateway: the folder with what it has started, and the program that ends that with it. */
export class GatewayRun {
  /** In the variables of every process that it starts. */
  readonly token = randomBytes(16).toString('hex')
  readonly watchdog: Watchdog

  private constructor(
    readonly folder: RunFolder,
    table: ProcessTable,
  ) {
    this.watchdog = new Watchdog(this.token, folder, table)
  }

  static async open(stateDir: string | undefined, table: ProcessTable): Promise<GatewayRun> {
    const { startTime } = await table.birthOf(process.pid)
    const host = { pid: process.pid, startTime }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return new GatewayRun(RunFolder.create(openStateDirectory(stateDir), host), table)
      } catch (error) {
        // Another gateway, the last one out, has just removed the state directory.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error
      }
    }
  }

  async close(): Promise<void> {
    await this.watchdog.close()
    this.folder.removeIfEmpty()
  }
}
