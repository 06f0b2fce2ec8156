import type { Clock, Timer } from '../clock.js'
import type { Limits } from '../coordination/coordinator.js'
import type { QueuePosition } from '../events.js'
import { CapacityError, QuotaExceededError } from '../limit-errors.js'
import { FairOrder } from './fair-order.js'
import { inMebibytes } from './memory-budget.js'

/** What can be lacking where an environment is to start. */
export type PlaceLimit = Exclude<QueuePosition['for'], 'start'>

/** An answer: there is no place at the moment. */
export interface Refusal {
  readonly is: 'refused'
  readonly limit: PlaceLimit
}

/** Makes one place by stopping the environment that was idle longest; `false`: none is idle. */
export type MakeRoom = (limit: PlaceLimit, who: Applicant) => Promise<boolean>

/** Who asks for a place. */
export interface Applicant {
  readonly id: string
  readonly owner: string
  /** One whose place is there already does not wait behind those who wait for one. */
  readonly needsPlace: boolean
  /** One that declares none does not wait behind those who wait for some. */
  readonly memoryBytes: number
}

/** What `Capacity` is bound by. */
export interface CapacityLimits extends Limits {
  readonly memoryBudgetBytes: number
}

/**
 * Lines of those who wait for a place: one for the gateway, one for its memory, and one for each owner at its quota. Whoever comes
 * later stands behind, so that a place that was made for the first is not taken by another; in a line that owners share they
 * take turns.
 */
export class Capacity {
  readonly #lines = new Map<string, Line>()

  constructor(
    private readonly limits: CapacityLimits,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
    private readonly makeRoom: MakeRoom,
    /** Somebody came, or left: positions have changed. */
    private readonly moved: () => void = () => {},
  ) {}

  /** Asks until the answer is no refusal. @throws {@link CapacityError} or {@link QuotaExceededError} at the timeout. */
  async enter<Answer extends { readonly is: string }>(
    who: Applicant,
    ask: () => Promise<Answer | Refusal>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const deadline = this.#deadline(signal)
    try {
      let limit = this.#lineAhead(who)
      if (!limit) {
        const answer = await ask()
        if (!isRefusal(answer)) return answer
        limit = answer.limit
      }
      for (;;) {
        // eslint-disable-next-line no-await-in-loop -- one line after another
        const answer: Answer | Refusal = await this.#standInLine(limit, who, ask, deadline.signal)
        if (!isRefusal(answer)) return answer
        limit = answer.limit
      }
    } finally {
      deadline.end()
    }
  }

  /** Something became idle or is gone: the first of each line may try again, but for those who wait for what is lacking still. */
  changed(lacking?: PlaceLimit): void {
    for (const line of this.#lines.values()) if (line.limit !== lacking) line.wake?.()
  }

  /** Where each environment that waits stands in its line. */
  *positions(): Generator<[id: string, where: QueuePosition]> {
    for (const { limit, members } of this.#lines.values()) {
      for (const [index, { id }] of members.entries()) {
        // Places come when others are done with theirs: nobody can tell when.
        const where = { position: index + 1, of: members.length, estimateMs: undefined }
        yield [id, { for: limit, ...where }]
      }
    }
  }

  /** Returns the last answer: a refusal only where it is another line's. */
  async #standInLine<Answer extends { readonly is: string }>(
    limit: PlaceLimit,
    who: Applicant,
    ask: () => Promise<Answer | Refusal>,
    signal: AbortSignal,
  ): Promise<Answer | Refusal> {
    const line = this.#line(limit, who.owner)
    const me = line.join(who)
    this.moved()
    try {
      await line.until(me.first.promise, signal, () => this.#full(limit, who))
      for (;;) {
        const changed = line.change()
        // eslint-disable-next-line no-await-in-loop -- one answer decides on the next question
        const answer = await ask()
        if (!isRefusal(answer) || answer.limit !== limit) return answer
        // eslint-disable-next-line no-await-in-loop -- as above
        if (await this.makeRoom(limit, who)) continue
        // eslint-disable-next-line no-await-in-loop -- as above
        await line.until(changed, signal, () => this.#full(limit, who))
      }
    } finally {
      line.leave(me)
      if (line.members.length === 0) this.#lines.delete(lineKey(limit, who.owner))
      this.moved()
    }
  }

  #lineAhead({ owner, needsPlace, memoryBytes }: Applicant): PlaceLimit | undefined {
    const limits = ['maxPerOwner', 'maxEnvironments', 'memoryBudgetBytes'] as const
    return limits.find(
      (limit) =>
        (limit === 'memoryBudgetBytes' ? memoryBytes > 0 : needsPlace) &&
        this.#lines.has(lineKey(limit, owner)),
    )
  }

  #line(limit: PlaceLimit, owner: string): Line {
    const key = lineKey(limit, owner)
    let line = this.#lines.get(key)
    if (!line) {
      line = new Line(limit)
      this.#lines.set(key, line)
    }
    return line
  }

  #full(limit: PlaceLimit, { id, owner }: Applicant): Error {
    const retryAfterMs = Math.max(1_000, Math.min(this.timeoutMs, 10_000))
    if (limit === 'maxPerOwner') {
      return new QuotaExceededError(
        `Environment "${id}" can't start: "${owner}" has ${this.limits.maxPerOwner} environments in use already, as many as \`maxPerOwner\` allows; stop one, or try again later`,
        { limit, whose: 'owner', id, owner, retryAfterMs },
      )
    }
    const lacking =
      limit === 'maxEnvironments'
        ? `all ${this.limits.maxEnvironments} places are taken`
        : `the memory that it declares is not free of the ${inMebibytes(this.limits.memoryBudgetBytes)} MiB of this gateway`
    return new CapacityError(
      `Environment "${id}" can't start: ${lacking} and none became idle within ${this.timeoutMs} ms; try again later, or raise \`${limit}\``,
      { limit, whose: 'gateway', id, retryAfterMs },
    )
  }

  #deadline(signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal.reason)
    if (signal.aborted) abort()
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

interface Member extends Applicant {
  readonly turn: number
  /** Resolves once this one is the first. */
  readonly first: PromiseWithResolvers<void>
}

/** One queue; its first member alone asks. */
class Line {
  wake: (() => void) | undefined
  readonly members: Member[] = []
  readonly #order = new FairOrder()
  #change: Promise<void> | undefined
  /** Whose turn it is. */
  #first: Member | undefined

  constructor(readonly limit: PlaceLimit) {}

  /** Takes the place of the owner's next turn, behind the first, who may be about to get an answer. */
  join(who: Applicant): Member {
    const member = {
      ...who,
      turn: this.#order.next(who.owner),
      first: Promise.withResolvers<void>(),
    }
    const { members } = this
    const behind = members.findIndex((other, index) => index > 0 && other.turn > member.turn)
    members.splice(behind === -1 ? members.length : behind, 0, member)
    this.#callFirst()
    return member
  }

  leave(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1)
    if (member !== this.#first) this.#order.left(member.owner)
    this.#callFirst()
  }

  #callFirst(): void {
    const [first] = this.members
    if (!first || first === this.#first) return
    this.#first = first
    this.#order.served(first.owner, first.turn)
    first.first.resolve()
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

function lineKey(limit: PlaceLimit, owner: string): string {
  return limit === 'maxPerOwner' ? `${limit} ${owner}` : limit
}

function isRefusal(answer: { readonly is: string }): answer is Refusal {
  return answer.is === 'refused'
}
