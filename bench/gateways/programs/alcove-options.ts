import type { DevEnvProxyOptions, EnvironmentManager } from '@alcove/core'
import { staticSpawner } from '@alcove/core'
import { setup } from './serve.ts'

const { upstream, environments } = setup
const spec = { run: { endpoint: upstream } }

/**
 * Alcove as it comes: its default routers, admission, forwarded fields. Only what runs is not its own, so that it stands
 * before the same upstream as the others.
 */
export const options: DevEnvProxyOptions = {
  spawner: staticSpawner(),
  specFor: () => spec,
  maxEnvironments: environments?.running ?? 2000,
}

/** Events are listened to, as a host does. */
export function listenTo(manager: EnvironmentManager): void {
  const counts = { transition: 0, restricted: 0 }
  manager.on('transition', () => (counts.transition += 1))
  manager.on('restricted', () => (counts.restricted += 1))
  manager.on('problem', (error) => console.error(error))
}

/**
 * Creates all that are to be known. Where the places are taken, the one that was used the longest time ago stops; it stays
 * known, since it was created with a spec of its own.
 */
export async function createKnown(manager: EnvironmentManager): Promise<void> {
  for (let number = environments?.known ?? 0; number > 0; number -= 1) {
    await manager.create(`bench-${number}`, spec)
  }
}
