import { setTimeout as delay } from 'node:timers/promises'
import { EnvironmentManager, type Spawner, staticSpawner } from '@alcove/core'

/** A manager that can have as many environments as are asked for, none of which is a program. */
export function managerOfMany(maxEnvironments: number, logLines = 0): EnvironmentManager {
  return new EnvironmentManager({
    spawner: talkative(staticSpawner(), logLines),
    specFor: () => ({ run: { endpoint: { kind: 'unix', path: '/nobody/listens' } } }),
    maxEnvironments,
    maxConcurrentStarts: 100,
    // Nobody is asked: it is the manager that is measured.
    readiness: { ready: async () => {} },
  })
}

/** Starts environments, and leaves them idle. */
export async function startMany(
  manager: EnvironmentManager,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) (await manager.acquire(id)).release()
}

export function idsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix}-${number}`)
}

/** What is used of the heap, without garbage. */
export async function heapBytes(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.()
    // What is finalised in a turn of its own is free after the next collection.
    await delay(50)
  }
  return process.memoryUsage().heapUsed
}

/** Has each instance print some lines, as a program does that starts. */
function talkative(spawner: Spawner, lines: number): Spawner {
  return {
    ...spawner,
    observe: (handle, to, signal) => {
      for (let line = 0; line < lines; line += 1) {
        to.log(
          `[${String(line).padStart(4, '0')}] a line as long as those of programs often are, or so`,
        )
      }
      return spawner.observe(handle, to, signal)
    },
  }
}
