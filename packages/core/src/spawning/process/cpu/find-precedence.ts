import type { MissingFeature } from '../../spawner.js'
import { autogroup } from './autogroup.js'
import { cgroupV1 } from './cgroup-v1.js'
import { cgroupV2 } from './cgroup-v2.js'
import { ownCgroup } from './own-cgroup.js'
import { type CpuHost, type CpuPrecedence, type PrecedenceFinder, thisHost } from './precedence.js'

const feature = 'CPU for the gateway before its environments'

/** By groups of processes: the one way that holds whatever an environment starts. */
export const cgroup: PrecedenceFinder = async (share, host) => {
  const own = ownCgroup(host)
  if (!own) return 'the kernel has no cgroups'
  const { folder } = own
  if (folder === undefined) return 'the gateway’s own cgroup is not mounted here'
  const ofVersion = own.version === 1 ? cgroupV1 : cgroupV2
  return ofVersion({ ...own, folder }, share, host)
}

/** The best way first. */
const finders: readonly PrecedenceFinder[] = [cgroup, (share, host) => autogroup(share, host)]

/** Finds out how this host can let the gateway go before its environments, or what it lacks for that. */
export async function findPrecedence(
  share: number,
  platform: NodeJS.Platform,
  ways: readonly PrecedenceFinder[] = finders,
  host: CpuHost = thisHost,
): Promise<CpuPrecedence | MissingFeature> {
  if (platform !== 'linux') {
    return {
      feature,
      reason: 'this system has neither cgroups nor autogroups',
      remedy: 'give the gateway a lower nice value than its environments, or run it on Linux',
    }
  }
  const reasons: string[] = []
  for (const find of ways) {
    // eslint-disable-next-line no-await-in-loop -- the next one only where this one is none
    const found = await find(share, host)
    if (typeof found !== 'string') return found
    reasons.push(found)
  }
  return {
    feature,
    reason: reasons.join('; '),
    remedy:
      'run the gateway as a service with a cgroup of its own (systemd: `Delegate=cpu`, and in `ExecStart` the program itself), or turn autogroups on (`sysctl kernel.sched_autogroup_enabled=1`)',
  }
}
