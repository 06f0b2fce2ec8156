import { AlcoveError, SpawnerUnavailableError } from '../errors.js'
import type { GuardedSpawner } from '../spawning/guarded-spawner.js'

/** Stops what a former run of this gateway has left, so that nothing runs that nobody knows of. */
export async function stopLeftovers(
  gateway: string,
  spawners: Iterable<GuardedSpawner>,
  graceMs: number,
  signal: AbortSignal,
  problem: (error: AlcoveError) => void,
): Promise<void> {
  await Promise.all(
    [...spawners].map(async (spawner) => {
      try {
        const stops: Promise<void>[] = []
        for await (const found of spawner.recover(gateway, signal)) {
          stops.push(spawner.stop(found.handle, graceMs))
        }
        await Promise.all(stops)
      } catch (error) {
        if (signal.aborted) return
        problem(
          error instanceof AlcoveError
            ? error
            : new SpawnerUnavailableError(
                `What a former run left with the spawner "${spawner.name}" could not be stopped: ${String(error)}`,
                { cause: error },
              ),
        )
      }
    }),
  )
}
