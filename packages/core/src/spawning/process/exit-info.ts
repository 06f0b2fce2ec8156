import type { ChildProcess } from 'node:child_process'
import type { ExitInfo } from '../spawner.js'

/** How a child will have ended. */
export function exitOf(child: ChildProcess): Promise<ExitInfo> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      if (signal === null) resolve({ reason: 'exited', exitCode: exitCode ?? 0 })
      else resolve({ reason: 'signalled', signal, ...(signal === 'SIGKILL' ? killed : {}) })
    })
  })
}

const killed = {
  message: 'where nobody sent that, the system was out of memory: its log (dmesg) tells',
}
