import type { Clock, Timer } from '../clock.js'
import type { Entry, Limits } from '../coordination/coordinator.js'
import { CapacityError, QuotaExceededError } from '../limit-errors.js'

/** Makes one place by stopping the environment that was idle longest; `false`: none is idle. */
export type MakeRoom = (limit: keyof Limits, owner: string) => Promise<boolean>

/** An answer of the coordinator other than a refusal. */
export type Admitted = Exclude<Entry, { readonly is: 'refused' }>

/**
 * Lines of those who wait for a place: one for the gateway, and one for each owner at its quota. Whoever comes later stands
 * behind, so that a place that was made for the first is not taken by another.
 */
export class Capacity {
  readonly #lines = new Map<string, Line>()

  constructor(
    private readonly limits: Limits,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
    private readonly makeRoom: MakeRoom,
  ) {}

  /** Asks until the answer is no refusal. @throws {@link CapacityError} or {@link QuotaExceededError} at the timeout. */
  async enter(
    id: string,
    owner: string,
    ask: () => Promise<Entry>,
    signal: AbortSignal,
  ): Promise<Admitted> {
    const deadline = this.#deadline(signal)
    try {
      let limit = this.#lineAhead(owner)
      if (!limit) {
        const entry = await ask()
        if (entry.is !== 'refused') return entry
        limit = entry.limit
      }
      for (;;) {
        // eslint-disable-next-line no-await-in-loop -- one line after another
        const answer = await this.#standInLine(limit, id, owner, ask, deadline.signal)
        if (answer.is !== 'refused') return answer
        limit = answer.limit
      }
    } finally {
      deadline.end()
    }
  }

  /** Something became idle or is gone: the first of each line may try again. */
  changed(): void {
    for (const line of this.#lines.values()) line.wake?.()
  }

  /** Returns the last answer: a refusal only where it is another line's. */
  async #standInLine(
    limit: keyof Limits,
    id: string,
    owner: string,
    ask: () => Promise<Entry>,
    signal: AbortSignal,
  ): Promise<Entry> {
    const line = this.#line(limit, owner)
    const me = line.member()
    try {
      await line.until(me.promise, signal, () => this.#full(limit, id, owner))
      for (;;) {
        const changed = line.change()
        // eslint-disable-next-line no-await-in-loop -- one answer decides on the next question
        const entry = await ask()
        if (entry.is !== 'refused' || entry.limit !== limit) return entry
        // eslint-disable-next-line no-await-in-loop -- as above
        if (await this.makeRoom(limit, owner)) continue
        // eslint-disable-next-line no-await-in-loop -- as above
        await line.until(changed, signal, () => this.#full(limit, id, owner))
      }
    } finally {
      line.leave(me)
      if (line.length === 0) this.#lines.delete(lineKey(limit, owner))
    }
  }

  #lineAhead(owner: string): keyof Limits | undefined {
    if (this.#lines.has(lineKey('maxPerOwner', owner))) return 'maxPerOwner'
    return this.#lines.has(lineKey('maxEnvironments', owner)) ? 'maxEnvironments' : undefined
  }

  #line(limit: keyof Limits, owner: string): Line {
    const key = lineKey(limit, owner)
    let line = this.#lines.get(key)
    if (!line) {
      line = new Line()
      this.#lines.set(key, line)
    }
    return line
  }

  #full(limit: keyof Limits, id: string, owner: string): Error {
    const retryAfterMs = Math.max(1_000, Math.min(this.timeoutMs, 10_000))
    return limit === 'maxPerOwner'
      ? new QuotaExceededError(
          `Environment "${id}" can't start: "${owner}" has ${this.limits.maxPerOwner} environments in use already, as many as \`maxPerOwner\` allows; stop one, or try again later`,
          { limit, whose: 'owner', id, owner, retryAfterMs },
        )
      : new CapacityError(
          `Environment "${id}" can't start: all ${this.limits.maxEnvironments} places are taken and none became idle within ${this.timeoutMs} ms; try again later, or raise \`maxEnvironments\``,
          { limit, whose: 'gateway', id, retryAfterMs },
        )
  }

  #deadline(signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const timer: Timer = this.clock.setTimer(this.timeoutMs, () => controller.abort(timedOut))
    return {
      signal: controller.signal,
      end: () => {
        timer.cancel()
        signal.removeEventListener('abort', abort)
      },
    }
  }
}

/** The reason of a signal that aborted since the wait was over. */
const timedOut = Symbol('capacityTimeoutMs')

type Member = PromiseWithResolvers<void>

/** One queue; its first member alone asks. */
class Line {
  wake: (() => void) | undefined
  readonly #members: Member[] = []
  #change: Promise<void> | undefined

  get length(): number {
    return this.#members.length
  }

  /** Takes the place at the end. */
  member(): Member {
    const member = Promise.withResolvers<void>()
    this.#members.push(member)
    if (this.#members.length === 1) member.resolve()
    return member
  }

  leave(member: Member): void {
    this.#members.splice(this.#members.indexOf(member), 1)
    this.#members[0]?.resolve()
  }

  /** The next change; asked for before the question whose answer it may alter. */
  change(): Promise<void> {
    this.#change ??= new Promise((resolve) => {
      this.wake = () => {
        this.wake = undefined
        this.#change = undefined
        resolve()
      }
    })
    return this.#change
  }

  until(event: Promise<void>, signal: AbortSignal, full: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason === timedOut ? full() : signal.reason)
      if (signal.aborted) {
        abort()
        return
      }
      signal.addEventListener('abort', abort, { once: true })
      void event.then(() => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
    })
  }
}

function lineKey(limit: keyof Limits, owner: string): string {
  return limit === 'maxEnvironments' ? limit : `${limit} ${owner}`
}
