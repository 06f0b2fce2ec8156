import type { EnvironmentId } from '../environment/id.js'
import type { QueuePosition } from '../events.js'
import type { ManagerListeners } from './listeners.js'

/** Something that environments wait in. */
export interface Queue {
  /** Where each environment that waits stands, the next one first. */
  positions(): Iterable<[id: EnvironmentId, where: QueuePosition]>
}

/** Where those who wait to start stand. */
export class QueuePositions {
  #isTelling = false

  constructor(
    private readonly queues: () => readonly Queue[],
    private readonly listeners: ManagerListeners,
  ) {}

  /** `undefined` where it does not wait. */
  of(id: EnvironmentId): QueuePosition | undefined {
    return this.#all().find(([other]) => other === id)?.[1]
  }

  /** Tells all who wait where they stand now, once for all that changes in this turn of the event loop. */
  moved(): void {
    if (this.#isTelling || !this.listeners.hears('queued')) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      for (const [id, where] of this.#all()) this.listeners.emit('queued', { id, ...where })
    })
  }

  #all(): [id: EnvironmentId, where: QueuePosition][] {
    return this.queues().flatMap((queue) => Array.from(queue.positions()))
  }
}
