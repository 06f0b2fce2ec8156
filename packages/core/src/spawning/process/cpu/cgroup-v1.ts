import { join } from 'node:path'
import { CgroupRun } from './cgroup-run.js'
import { gatewayWeight } from './gateway-weight.js'
import { groupName, reasonAgainst } from './group-name.js'
import type { OwnCgroup } from './own-cgroup.js'
import type { CpuHost, CpuPrecedence } from './precedence.js'
import { groupWeight, inRange } from './weights.js'

/** MIN_SHARES and MAX_SHARES of kernel/sched/sched.h. */
const leastShares = 2
const mostShares = 262_144

/**
 * A group below the gateway's own: https://docs.kernel.org/scheduler/sched-design-CFS.html. There, each thread of the gateway
 * competes with the group as a whole.
 */
export async function cgroupV1(
  own: OwnCgroup & { readonly folder: string },
  share: number,
  host: CpuHost,
): Promise<CpuPrecedence | string> {
  const { files } = host
  const reason = await reasonAgainst(own.folder, files)
  if (reason !== undefined) return reason
  return {
    way: 'cgroup v1',
    open(run, table) {
      const group = join(own.folder, groupName(run))
      return new CgroupRun({
        group,
        host,
        table,
        async prepare() {
          await files.make(group)
          const weight = groupWeight(share, gatewayWeight(own.isRoot, host))
          const shares = String(inRange(weight, leastShares, mostShares))
          await files.write(join(group, 'cpu.shares'), shares)
        },
        async undo() {},
      })
    },
  }
}
