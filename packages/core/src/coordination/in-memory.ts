import { unlessAborted } from '../abort.js'
import type { EnvironmentId } from '../environment/id.js'
import { ClaimLostError } from '../errors.js'
import type {
  Claim,
  Coordinator,
  Entry,
  Failure,
  Limits,
  Published,
  Session,
} from './coordinator.js'

/** What all sessions know of one environment. */
interface Place {
  owner: string
  /** Whether it counts against the limits: something runs, or is about to. */
  taken: boolean
  /** The highest generation so far. */
  generation: number
  published: Published | undefined
  claim: InMemoryClaim | undefined
  failure: (Failure & { readonly sinceMs: number }) | undefined
  /** `undefined` where nothing runs: places stay, so that no generation comes twice, and most of them are of what was stopped. */
  users: Set<InMemorySession> | undefined
  changed: PromiseWithResolvers<void> | undefined
}

/** Counts and places of one process; every method is atomic since none awaits half-way. */
class Registry {
  readonly places = new Map<EnvironmentId, Place>()
  readonly sessions = new Set<InMemorySession>()
  readonly #perOwner = new Map<string, number>()
  #taken = 0

  constructor(readonly nowMs: () => number) {}

  place(id: EnvironmentId): Place {
    let place = this.places.get(id)
    if (!place) {
      place = {
        owner: '',
        taken: false,
        generation: 0,
        published: undefined,
        claim: undefined,
        failure: undefined,
        users: undefined,
        changed: undefined,
      }
      this.places.set(id, place)
    }
    return place
  }

  exceeded(owner: string, limits: Limits): keyof Limits | undefined {
    if ((this.#perOwner.get(owner) ?? 0) >= limits.maxPerOwner) return 'maxPerOwner'
    if (this.#taken >= limits.maxEnvironments) return 'maxEnvironments'
    return undefined
  }

  take(place: Place, owner: string): void {
    place.taken = true
    place.owner = owner
    this.#taken += 1
    this.#perOwner.set(owner, (this.#perOwner.get(owner) ?? 0) + 1)
  }

  free(place: Place): void {
    if (!place.taken) return
    place.taken = false
    this.#taken -= 1
    const left = (this.#perOwner.get(place.owner) ?? 1) - 1
    if (left === 0) this.#perOwner.delete(place.owner)
    else this.#perOwner.set(place.owner, left)
  }

  changed(place: Place): Promise<void> {
    place.changed ??= Promise.withResolvers<void>()
    return place.changed.promise
  }

  /** Wakes who waits for the place, and tells the sessions other than `by`. */
  announce(id: EnvironmentId, place: Place, by: InMemorySession, ask?: 'drain' | 'evict'): void {
    place.changed?.resolve()
    place.changed = undefined
    for (const session of this.sessions) {
      if (session !== by) session.tell(id, place.published, ask)
    }
  }
}

class InMemoryClaim implements Claim {
  #held = true

  constructor(
    readonly to: Claim['to'],
    readonly generation: number,
    readonly at: Published | undefined,
    readonly after: Failure | undefined,
    private readonly registry: Registry,
    private readonly id: EnvironmentId,
    private readonly place: Place,
    readonly session: InMemorySession,
  ) {
    place.claim = this
  }

  async publish(now: Published): Promise<void> {
    this.#assertHeld()
    this.place.published = now
    use(this.place, this.session)
    this.registry.announce(this.id, this.place, this.session)
  }

  async end(failure?: Failure): Promise<void> {
    this.#assertHeld()
    this.#held = false
    const { place, registry } = this
    place.claim = undefined
    const published = place.published
    const runs = published !== undefined && !(this.to === 'stop' && failure === undefined)
    if (failure) place.failure = { ...failure, sinceMs: registry.nowMs() }
    else if (this.to === 'stop') place.failure = undefined
    // A replacement that failed leaves the old instance serving.
    if (!runs || (failure && this.to !== 'replace')) clear(registry, place)
    registry.announce(this.id, place, this.session)
  }

  /** Its session has left: what it was about to start never runs, what it was about to stop is an heir's to stop. */
  abandon(): void {
    this.#held = false
    this.place.claim = undefined
    if (!this.place.published) clear(this.registry, this.place)
  }

  #assertHeld(): void {
    if (this.#held) return
    throw new ClaimLostError(
      `Generation ${this.generation} of environment "${this.id}" is not this gateway's to ${this.to} any more`,
      { id: this.id },
    )
  }
}

function use(place: Place, by: InMemorySession): void {
  place.users ??= new Set()
  place.users.add(by)
}

function clear(registry: Registry, place: Place): void {
  place.published = undefined
  place.users = undefined
  registry.free(place)
}

class InMemorySession implements Session {
  readonly #lost = new AbortController()
  readonly #listeners: Parameters<Session['onChange']>[0][] = []

  constructor(private readonly registry: Registry) {
    registry.sessions.add(this)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async enter(
    id: EnvironmentId,
    owner: string,
    limits: Limits,
    signal: AbortSignal,
  ): Promise<Entry> {
    signal.throwIfAborted()
    const { registry } = this
    const place = registry.place(id)
    const { claim, published } = place
    const goes = claim?.to === 'stop' || claim?.to === 'suspend'
    if (published && !published.suspended && !goes) {
      use(place, this)
      return { is: 'running', at: published }
    }
    if (claim) return { is: 'busy', changed: registry.changed(place) }
    if (published) {
      use(place, this)
      return { is: 'claimed', claim: this.#claim('resume', id, place, published.generation) }
    }
    const { failure } = place
    if (failure) {
      const leftMs = failure.retryAfterMs - (registry.nowMs() - failure.sinceMs)
      if (leftMs > 0) return { is: 'failed', failure: { ...failure, retryAfterMs: leftMs } }
    }
    const limit = registry.exceeded(owner, limits)
    if (limit) return { is: 'refused', limit }
    registry.take(place, owner)
    place.generation += 1
    return { is: 'claimed', claim: this.#claim('start', id, place, place.generation) }
  }

  async leave(
    id: EnvironmentId,
    generation: number,
    then: 'stop' | 'suspend',
  ): Promise<Claim | undefined> {
    const place = this.registry.place(id)
    place.users?.delete(this)
    if (place.published?.generation !== generation || place.claim) return undefined
    return place.users?.size ? undefined : this.#claim(then, id, place, generation)
  }

  async claim(
    id: EnvironmentId,
    to: 'stop' | 'replace',
    signal: AbortSignal,
  ): Promise<Claim | undefined> {
    signal.throwIfAborted()
    const place = this.registry.place(id)
    while (place.claim) {
      // eslint-disable-next-line no-await-in-loop -- one claim after another
      await unlessAborted(this.registry.changed(place), signal)
    }
    if (to === 'stop') place.failure = undefined
    if (!place.published) return undefined
    if (to === 'replace') place.generation += 1
    const generation = to === 'replace' ? place.generation : place.published.generation
    const claim = this.#claim(to, id, place, generation)
    if (to === 'stop') this.registry.announce(id, place, this, 'drain')
    return claim
  }

  async exited(id: EnvironmentId, generation: number, failure?: Failure): Promise<void> {
    const place = this.registry.place(id)
    if (place.published?.generation !== generation) return
    if (failure) place.failure = { ...failure, sinceMs: this.registry.nowMs() }
    if (place.claim?.to === 'replace') {
      // Its place is the successor's, who is on the way: the end of that claim settles it.
      place.published = undefined
      place.users = undefined
    } else {
      clear(this.registry, place)
    }
    this.registry.announce(id, place, this)
  }

  onChange(listener: Parameters<Session['onChange']>[0]): void {
    this.#listeners.push(listener)
  }

  tell(id: EnvironmentId, now: Published | undefined, ask?: 'drain' | 'evict'): void {
    for (const listener of this.#listeners) listener(id, now, ask)
  }

  /** The memory of this coordinator is lost only with the process, and every session with it: there is nothing to restore. */
  async restore(): Promise<void> {}

  async close(): Promise<void> {
    if (!this.registry.sessions.delete(this)) return
    for (const [id, place] of this.registry.places) {
      const wasUser = place.users?.delete(this)
      const wasClaimant = place.claim?.session === this
      if (wasClaimant) place.claim?.abandon()
      if (wasUser || wasClaimant) this.registry.announce(id, place, this)
    }
    this.#lost.abort()
  }

  #claim(to: Claim['to'], id: EnvironmentId, place: Place, generation: number): Claim {
    return new InMemoryClaim(
      to,
      generation,
      place.published,
      place.failure,
      this.registry,
      id,
      place,
      this,
    )
  }
}

/**
 * The coordinator of a single process: the default, and what several managers of one process can share.
 *
 * @example
 * ```ts
 * const coordinator = inMemoryCoordinator()
 * const manager = new EnvironmentManager({ coordinator, spawner: staticSpawner(), specFor })
 * ```
 */
export function inMemoryCoordinator(options: { readonly nowMs?: () => number } = {}): Coordinator {
  const registry = new Registry(options.nowMs ?? (() => performance.now()))
  return {
    reach: 'process',
    // A session ends with its process, or is closed: nobody ever waits for it to expire.
    ttlMs: Number.POSITIVE_INFINITY,
    async join(_gateway, signal) {
      signal.throwIfAborted()
      return new InMemorySession(registry)
    },
  }
}
