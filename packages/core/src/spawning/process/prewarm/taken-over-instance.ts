import { resolve } from 'node:path'
import type { GatewayRun } from '../gateway-run.js'
import type { ProcessInstance } from '../process-instance.js'
import { assemble, type InstancePlan } from '../started-instance.js'
import type { WarmProcess } from './warm-process.js'
import type { NodeCommand } from './node-command.js'

/** Has a waiting process run an environment's program; a text says why it could not, and nothing of it is left. */
export async function takenOverInstance(
  plan: InstancePlan,
  { entry, args }: NodeCommand,
  warm: WarmProcess,
  gatewayRun: GatewayRun,
): Promise<ProcessInstance | string> {
  const { child, tree, ended, output } = warm
  const { pid, startTime } = tree.root
  const handle = { ...plan.handle, pid, startTime }
  const taking = warm.takeOver({
    argv: [entry, ...args],
    cwd: resolve(plan.cwd ?? '.'),
    variables: plan.variables,
  })
  // It may have begun others while it was loaded.
  const placed = gatewayRun.place(handle, tree, false)
  // While it works already: should this host die before, what it leaves is ended as one that waits.
  plan.note(handle)
  const outcome = await taking
  if (outcome === 'taken')
    return assemble({ handle, folder: plan.path, tree, child, ended, output, gatewayRun, placed })
  await placed
  await gatewayRun.unplace(handle)
  return outcome === 'stale'
    ? 'a file that was loaded ahead has changed since'
    : 'the process that waited for it has ended'
}
