import { resolve } from 'node:path'
import type { ProcessInstance } from '../process-instance.js'
import { assemble, type InstancePlan } from '../started-instance.js'
import type { WarmProcess } from './warm-process.js'
import type { NodeCommand } from './node-command.js'

/** Has a waiting process run an environment's program; undefined where it could not, and nothing of it is left. */
export async function takenOverInstance(
  plan: InstancePlan,
  { entry, args }: NodeCommand,
  warm: WarmProcess,
): Promise<ProcessInstance | undefined> {
  const { child, tree, ended, output } = warm
  const { pid, startTime } = tree.root
  const handle = { ...plan.handle, pid, startTime }
  // Ahead of the work: what a host that dies in between leaves has an environment's name.
  plan.note(handle)
  const isTaken = await warm.takeOver({
    argv: [entry, ...args],
    cwd: resolve(plan.cwd ?? '.'),
    variables: plan.variables,
  })
  return isTaken ? assemble({ handle, folder: plan.path, tree, child, ended, output }) : undefined
}
