import { createHook } from 'node:async_hooks'

/** How many there are of each kind. */
export type Counts = Readonly<Record<string, number>>

/** What keeps this process alive. */
export function resources(): Counts {
  return counted(
    // One that runs now, such as this.
    process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate'),
  )
}

interface Emitter {
  eventNames(): readonly (string | symbol)[]
  listenerCount(event: never): number
}

/** How many listeners an emitter has for each event; of several emitters, the one that has the most. */
export function listeners(...emitters: readonly Emitter[]): Counts {
  const most: Record<string, number> = {}
  for (const emitter of emitters) {
    for (const event of emitter.eventNames()) {
      const count = emitter.listenerCount(event as never)
      most[String(event)] = Math.max(most[String(event)] ?? 0, count)
    }
  }
  return most
}

/** What there is more of than before, in words. */
export function grown(what: string, before: Counts, after: Counts, tolerated = 0): string[] {
  return Object.entries(after)
    .filter(([kind, count]) => count > (before[kind] ?? 0) + tolerated)
    .map(([kind, count]) => `${what}: ${count} of ${kind}, and ${before[kind] ?? 0} before`)
}

function counted(kinds: readonly string[]): Counts {
  const counts: Record<string, number> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** Sees timers too that keep nothing alive: those that the packages' code sets, by where it does. */
export class TimerWatch implements Disposable {
  readonly #folder: string
  readonly #set = new Map<number, string>()
  readonly #hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout') return
      const { stack = '' } = new Error('set')
      // One for each environment in whose line somebody has stood, until it is due.
      if (stack.includes('/admission/deadlines.ts')) return
      const where = stack.split('\n').find((line) => line.includes(this.#folder))
      if (where !== undefined) this.#set.set(id, where.trim())
    },
    destroy: (id) => this.#set.delete(id),
  })

  /** @param folder - Where that code is. */
  constructor(folder = '/packages/') {
    this.#folder = folder
    this.#hook.enable()
  }

  [Symbol.dispose](): void {
    this.#hook.disable()
  }

  /** Those that are neither over nor cleared. */
  get left(): Counts {
    return counted([...this.#set.values()])
  }
}
