import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningSubject } from '../subject.ts'
import { HostProcess } from './host-process.ts'
import type { Peer } from './peer.ts'

/** A proxy that is a package. */
export interface NodePeer extends Pick<Peer, 'name' | 'fronts' | 'targets' | 'without'> {
  readonly package: string
  /** The file that sets it up, in `programs/`. */
  readonly program: string
}

/** A proxy that runs in Node.js, in processes of its own, each of which serves one case at a time. */
export function nodePeer({ program, package: packageName, ...about }: NodePeer): Peer {
  const all = new Set<HostProcess>()
  const idle: HostProcess[] = []
  const start = (): HostProcess => {
    const host = new HostProcess(program)
    all.add(host)
    return host
  }
  return {
    ...about,
    version: () => versionOf(packageName),
    missing: () =>
      versionOf(packageName) === undefined ? `${packageName} is not installed` : undefined,
    async prepare(parallel) {
      // A few at a time: the last cases of another peer may still run, and have time limits.
      const lane = async (): Promise<void> => {
        while (all.size < parallel) {
          const host = start()
          await host.ready()
          idle.push(host)
        }
      }
      await Promise.all([lane(), lane()])
    },
    async listen(front, target, settings) {
      const host = idle.pop() ?? start()
      const port = await host.listen({ front, target, settings })
      return running(host, port, idle)
    },
    async end() {
      // Those too that never listened, or that a case gave up on.
      const hosts = [...all]
      all.clear()
      idle.length = 0
      await Promise.all(hosts.map((host) => host.end()))
    },
  }
}

function running(host: HostProcess, port: number, idle: HostProcess[]): RunningSubject {
  let closing: Promise<void> | undefined
  return {
    port,
    crashed: () => host.crash,
    close: () => {
      closing ??= host.close().then((again) => {
        if (again) idle.push(host)
      })
      return closing
    },
  }
}

function versionOf(packageName: string): string | undefined {
  const file = join(import.meta.dirname, '../../../node_modules', packageName, 'package.json')
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
  } catch {
    return undefined
  }
}
