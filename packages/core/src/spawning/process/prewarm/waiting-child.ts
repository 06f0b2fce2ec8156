import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ExitInfo } from '../../spawner.js'
import { markers, requireFlag } from '../environment-variables.js'
import { exitOf } from '../exit-info.js'
import type { GatewayRun } from '../gateway-run.js'
import { launch, type LaunchedChild } from '../launch.js'
import type { ProcessTable } from '../process-table.js'
import { ProcessTree } from '../process-tree.js'
import { prewarmProgram } from '../program-files.js'
import type { InstanceRecord, ProcessHandle } from '../run-folder.js'
import { removeFolder } from '../state-directory.js'
import type { Recipe } from './recipe.js'

/** What stands for the program's file in its command line, which can't be changed later. */
const placeholder = 'alcove-prewarmed'

/** What is needed to make one. */
export interface WarmParts {
  readonly gatewayRun: GatewayRun
  readonly table: ProcessTable
  readonly maxLineBytes: number
}

/** A child that is to wait, and has a folder of its own. */
export interface WaitingChild {
  readonly child: LaunchedChild
  readonly ended: Promise<ExitInfo>
  readonly tree: ProcessTree
  /** The name of its folder in the run's. */
  readonly name: string
}

/**
 * Starts a process of Node.js that is to wait. It is born with the token and the folder that its instance will have, since
 * /proc/PID/environ shows for ever what a process was started with; and it is guarded and recorded as an instance is.
 *
 * @throws {@link SpawnFailedError}
 */
export async function startWaitingChild(recipe: Recipe, parts: WarmParts): Promise<WaitingChild> {
  const { gatewayRun, table } = parts
  const { folder, watchdog } = gatewayRun
  watchdog.ensure()
  const name = folder.makeInstance()
  const path = join(folder.path, name)
  const token = randomBytes(16).toString('hex')
  const note = (pid: number, startTime: string): void =>
    folder.write(name, nobodys(token, `${folder.name}/${name}`, pid, startTime))
  let child: LaunchedChild | undefined
  try {
    note(0, '')
    child = await launch({
      id: 'prewarm',
      command: [recipe.node, ...recipe.flags, placeholder],
      argv0: recipe.argv0,
      cwd: '/',
      variables: {
        ...markers(process.env, token, gatewayRun.token),
        ...recipe.variables,
        // Ahead of what the environment has loaded by itself, which is to see the environment's variables.
        NODE_OPTIONS: `${requireFlag(prewarmProgram())} ${recipe.variables['NODE_OPTIONS'] ?? ''}`,
        ALCOVE_PREWARM: '3',
      },
      channel: true,
    })
    const ended = exitOf(child)
    const { pid } = child
    const birth = await table.birthOf(pid)
    watchdog.guard({ token, pid, startTime: birth.startTime, folder: path })
    note(pid, birth.startTime)
    return { child, ended, tree: new ProcessTree({ token, pid, ...birth }, table, true), name }
  } catch (error) {
    if (child) {
      const root = { token, pid: child.pid, startTime: '', order: 0 }
      await new ProcessTree(root, table, true).end(0)
    }
    watchdog.release(token)
    removeFolder(path)
    throw error
  }
}

/** The record of what is no environment's yet. */
function nobodys(token: string, dir: string, pid: number, startTime: string): InstanceRecord {
  const handle: ProcessHandle = {
    v: 1,
    id: '',
    generation: 0,
    pid,
    startTime,
    token,
    dir,
    listen: 'socket',
  }
  const createdAtMs = Date.now()
  return { v: 1, waiting: true, gateway: '', owner: '', specHash: '', createdAtMs, handle }
}
