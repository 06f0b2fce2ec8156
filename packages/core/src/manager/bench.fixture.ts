import { afterEach } from 'vitest'
import { inMemoryCoordinator } from '../coordination/in-memory.js'
import type { AlcoveError } from '../errors.js'
import type { Transition } from '../events.js'
import { manualClock, type ManualClock } from '../testing/manual-clock.js'
import { EnvironmentManager } from './manager.js'
import type { ManagerOptions } from './options.js'
import { alwaysReady, scriptedSpawner, type ScriptedSpawner } from './scripted-spawner.fixture.js'

const managers: EnvironmentManager[] = []
afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close({ drainMs: 0 })))
})

/** A manager whose time and instances are the test's to move. */
export interface ManagerBench {
  readonly manager: EnvironmentManager
  readonly spawner: ScriptedSpawner
  readonly clock: ManualClock
  readonly transitions: Transition[]
}

/** Closed at the end of the test. */
export function managerBench(options: Partial<ManagerOptions> = {}): ManagerBench {
  const spawner = scriptedSpawner()
  const clock = (options.clock as ManualClock | undefined) ?? manualClock()
  const manager = new EnvironmentManager({
    spawner,
    clock,
    readiness: alwaysReady,
    minAvailableMemoryBytes: 0,
    specFor: ({ id }) => (id.startsWith('unknown') ? undefined : { run: { id } }),
    coordinator: inMemoryCoordinator({ nowMs: () => clock.nowMs() }),
    ...options,
  })
  managers.push(manager)
  const transitions: Transition[] = []
  manager.on('transition', (change) => transitions.push(change))
  return { manager, spawner, clock, transitions }
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<AlcoveError> {
  return promise.then(
    () => {
      throw new Error('It was expected to fail')
    },
    (error: unknown) => error as AlcoveError,
  )
}

/** Lets all that can happen without time passing happen. */
export async function settle(clock: ManualClock): Promise<void> {
  await clock.advance(0)
}
