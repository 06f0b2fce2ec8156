import { type Clock, systemClock } from '../clock.js'
import { type AlcoveError, ClosedError } from '../errors.js'
import { Bodies } from './bodies.js'
import { Deadlines } from './deadlines.js'
import { type GivesUp, type Held, HeldRequests } from './held.js'
import { Line } from './line.js'
import { type LoopMeter, LoadWatch } from './load.js'
import {
  type AdmissionOptions,
  type ResolvedAdmissionOptions,
  resolveAdmissionOptions,
} from './options.js'
import { Place } from './place.js'
import { assertRate, RateLimits } from './rate-limits.js'
import { ReadGate } from './read-gate.js'
import { Refusals } from './refusals.js'
import { type Resting, Rests } from './rests.js'
import { Rounds } from './rounds.js'
import { type LoadReport, reportOf } from './load-report.js'
import { overloaded, queueFull, tooManyStreams } from './turned-away.js'
import { Waiter, type Waiting } from './waiter.js'

/** The event loop, for which a test may put something else. */
export interface LoopHooks {
  /** By which its load is looked at. No manager's: how late the loop is, only real time tells. @default systemClock */
  readonly clock?: Clock
  /** Calls back in the next turn. @default setImmediate */
  readonly defer?: (then: () => void) => void
  /** @default loopMeter */
  readonly newMeter?: () => LoopMeter
}

/** Decides whether a request may enter now, waits, or is turned away. */
export class Admission {
  readonly bodies: Bodies
  readonly #options: ResolvedAdmissionOptions
  readonly #lines = new Map<string, Line>()
  readonly #held: HeldRequests
  readonly #rounds: Rounds
  readonly #load: LoadWatch
  readonly #rates: RateLimits
  readonly #refusals = new Refusals()
  readonly #deadlines: Deadlines
  readonly #readGate: ReadGate
  readonly #rests = new Rests()
  #admitted = 0
  #closed = false

  constructor(
    options: AdmissionOptions,
    private readonly clock: Clock,
    loop: LoopHooks = {},
  ) {
    const { clock: loopClock = systemClock, defer = nextTurn, newMeter } = loop
    this.#options = resolveAdmissionOptions(options)
    this.#readGate = new ReadGate(defer)
    this.#held = new HeldRequests(this.#options, (line) => {
      this.#readGate.changed(line)
      this.#rests.changed(line)
    })
    this.#rates = new RateLimits(clock)
    this.#rounds = new Rounds((line) => this.#serve(line), defer)
    this.#deadlines = new Deadlines(clock)
    this.#load = new LoadWatch(
      this.#options.maxLoopLagMs,
      this.#lines,
      loopClock,
      { freed: (line) => this.#freed(line), looked: (line) => this.#rests.look(line) },
      newMeter,
    )
    this.bodies = new Bodies(clock, {
      tryStream: (place) => this.#tryStream(place),
      cut: (error) => this.#refusals.count(error),
    })
  }

  /**
   * Says that a request for an environment has come; {@link depart} is to be called once it is over.
   *
   * @throws a HookFailedError where `limitsFor` fails
   */
  arrive(id: string): Line {
    let line = this.#lines.get(id)
    if (!line) {
      line = new Line(id, this.#options.limitsFor(id))
      this.#lines.set(id, line)
    }
    this.#load.begin()
    line.asked += 1
    line.visits += 1
    return line
  }

  depart(line: Line): void {
    line.visits -= 1
  }

  /** @throws {@link OverloadedError} where the gateway has too much to do, and this environment asks for most of it */
  assertNotOverloaded(line: Line): void {
    if (line.squeezed && line.working >= line.cap) throw overloaded(line)
  }

  /** @throws {@link RateLimitedError} where the environment has had as many requests as it may in this time */
  assertRate(line: Line): void {
    const { rateLimit } = line.limits
    if (rateLimit) assertRate(this.#rates, rateLimit, line.id, undefined)
  }

  /** The same for all of an owner's. @throws {@link RateLimitedError} */
  assertOwnerRate(line: Line, owner: string): void {
    const { ownerRateLimit } = this.#options
    if (ownerRateLimit) assertRate(this.#rates, ownerRateLimit, line.id, owner)
  }

  /** Whether a request may come too soon after others. */
  limitsRates(line: Line): boolean {
    return line.limits.rateLimit !== false || this.limitsOwners
  }

  /** Whether the owner of a request makes a difference. */
  get limitsOwners(): boolean {
    return this.#options.ownerRateLimit !== false
  }

  /**
   * Keeps a request that waits for its environment's start; released by the caller.
   *
   * @param who - Turned away where others need its room more.
   * @throws {@link QueueFullError} or {@link OverloadedError} where there is no room for it
   */
  waitForStart(line: Line, bytes: number, who: GivesUp): Held {
    return this.#held.keepForStart(line, bytes, who)
  }

  /** Whether a request that comes now may have a place at once, where that is no upload. */
  hasRoom(line: Line): boolean {
    return line.working < line.cap && line.requests.length === 0
  }

  /**
   * A place where there is one at once; `undefined`: {@link queue} is for the others.
   *
   * @param streams - The client still sends.
   */
  enter(line: Line, streams: boolean): Place | undefined {
    if (this.#closed) throw new ClosedError()
    if (streams) {
      return line.uploads.length === 0 && mayUpload(line) ? this.#place(line, true) : undefined
    }
    return this.hasRoom(line) && this.#rounds.take(line) ? this.#place(line, false) : undefined
  }

  /**
   * Stands in line for a place.
   *
   * @throws {@link QueueFullError}, {@link OverloadedError}; the waiter may get {@link QueueTimeoutError} too
   */
  queue(line: Line, streams: boolean, bytes: number, who: Waiting): Waiter {
    if (this.#closed) throw new ClosedError()
    this.assertNotOverloaded(line)
    const { limits } = line
    // It would wait for what never comes.
    if (streams && limits.maxStreams === 0) throw tooManyStreams(line)
    // A line of its own, so that uploads without an end keep nobody else waiting.
    const queue = streams ? line.uploads : line.requests
    const lacksStream = streams && line.streaming >= limits.maxStreams
    if (lacksStream && this.bodies.endStuck(line)) {
      // Its place is free in a moment.
    } else if (queue.length >= limits.maxQueued) {
      throw queueFull(line)
    }
    const waiter = new Waiter(line, this.clock.nowMs() + limits.queueTimeoutMs, who)
    waiter.held = this.#held.keep(line, bytes, waiter)
    queue.push(waiter)
    this.#deadlines.watch(line)
    this.bodies.hurry(line)
    this.#freed(line)
    return waiter
  }

  /** No line for those who would wait for a tunnel: who opens one sees to opening another. @throws {@link StreamLimitError} */
  enterTunnel(line: Line): Place {
    if (this.#closed) throw new ClosedError()
    if (line.streaming >= line.limits.maxStreams && !this.bodies.endStuck(line)) {
      throw tooManyStreams(line)
    }
    return this.#place(line, true)
  }

  /** @see Place.uploaded */
  work(place: Place): void {
    if (!place.streams) return
    place.streams = false
    const { line } = place
    line.streaming -= 1
    // Beyond `maxInFlight` where it has to be: it is with the environment already, and others wait for it.
    line.working += 1
    this.#freed(line)
  }

  /** @see Place.endless @throws {@link StreamLimitError} */
  stream(place: Place): void {
    if (!this.#tryStream(place)) throw tooManyStreams(place.line)
  }

  /** @see Place.release */
  leave({ line, streams }: Place): void {
    if (streams) line.streaming -= 1
    else line.working -= 1
    if (line.queued > 0) this.#freed(line)
    else this.#rests.changed(line)
  }

  /** Counts a refusal. @returns for how many milliseconds it is held back, so that a flood of them is none */
  refused(line: Line, error: AlcoveError): number {
    this.#refusals.count(error)
    return this.#refusals.delayMs(line, this.clock.nowMs())
  }

  /** Keeps a request that waits for anything else. @throws {@link OverloadedError} where there is no room for it */
  hold(line: Line, bytes: number, who: GivesUp): Held {
    return this.#held.keep(line, bytes, who)
  }

  /** Calls `readOn` when a connection may be read on that has brought more requests than one for an environment. */
  readLater(line: Line, readOn: () => void): void {
    this.#readGate.wait(line, readOn)
  }

  /** Whether a connection may be left unread whose client has an answer of this environment. */
  mayRest(line: Line): boolean {
    return !this.#closed && this.#rests.mayRest(line)
  }

  /** Calls the connection's `readOn` once it is to be read again. */
  rest(line: Line, connection: Resting): void {
    this.#rests.begin(line, connection)
  }

  /** What is under way, what waits and what was turned away. */
  report(): LoadReport {
    return reportOf({
      lines: this.#lines.values(),
      held: this.#held,
      loop: this.#load.now,
      overloaded: this.#load.overloaded,
      admitted: this.#admitted,
      refused: this.#refusals.counts,
    })
  }

  /** Turns away all who wait, and sets no timer any more. Idempotent. */
  close(): void {
    this.#closed = true
    for (const line of this.#lines.values()) {
      for (const queue of [line.requests, line.uploads]) {
        while (queue.first) queue.first.turnAway(new ClosedError())
      }
      this.#rests.end(line)
    }
    this.#deadlines.close()
    this.bodies.close()
    this.#load.close()
  }

  #place(line: Line, streams: boolean): Place {
    if (streams) line.streaming += 1
    else line.working += 1
    line.served += 1
    this.#admitted += 1
    return new Place(line, streams, this)
  }

  #serve(line: Line): void {
    line.requests.first?.admit(this.#place(line, false))
  }

  #freed(line: Line): void {
    while (line.uploads.first && mayUpload(line)) {
      line.uploads.first.admit(this.#place(line, true))
      // They take turns with requests, since each will work in the end.
      if (line.requests.length > 0) break
    }
    this.#rounds.add(line)
    this.#rounds.run()
  }

  #tryStream(place: Place): boolean {
    const { line } = place
    if (place.streams) return true
    if (line.streaming >= line.limits.maxStreams && !this.bodies.endStuck(line)) return false
    place.streams = true
    line.working -= 1
    line.streaming += 1
    this.#freed(line)
    return true
  }
}

/**
 * Whether an upload may begin: it takes no place to work before it is whole, but then it does, so none begins while there is not one
 * that it could have.
 */
function mayUpload({ streaming, working, cap, limits }: Line): boolean {
  return streaming < limits.maxStreams && working < cap
}

function nextTurn(then: () => void): void {
  setImmediate(then)
}
