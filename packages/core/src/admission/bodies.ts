import type { Clock, Timer } from '../clock.js'
import type { AlcoveError } from '../errors.js'
import type { Line } from './line.js'
import type { Place } from './place.js'
import { tooManyStreams, tooSlow } from './turned-away.js'

/** How often open bodies are looked at. */
const lookMs = 250
/** The same while somebody waits for a place that one of them holds. */
const soonMs = 10
/** A body of which so much has passed makes others wait for its length, and not for what their environment has to do. */
const largeBytes = 128 * 1024
/** A body that has stood still for so long may have to make room for another. */
const stuckMs = 1_000

/** What becomes of bodies that are looked at. */
export interface BodyKeeper {
  /** Gives a place of `maxStreams` for that of `maxInFlight`. @returns whether there is one */
  tryStream(place: Place): boolean
  /** Tells that a body was cut off. */
  cut(error: AlcoveError): void
}

/**
 * Looks at the bodies that are open: those that stay open stream, and do not work any more, and those whose clients do not go on make
 * room. Nothing is done for each part that passes.
 */
export class Bodies {
  readonly #lines = new Set<Line>()
  #timer: Timer | undefined
  /** Somebody is waited for. */
  #soon = false
  #closed = false

  constructor(
    private readonly clock: Clock,
    private readonly keeper: BodyKeeper,
  ) {}

  watch(place: Place): void {
    const nowMs = this.clock.nowMs()
    place.openedMs = nowMs
    place.stuckSinceMs = undefined
    place.seenBytes = place.transfer?.bodyBytes ?? 0
    newWindow(place, nowMs)
    const { line } = place
    line.bodies.add(place)
    this.#lines.add(line)
    if (!this.#closed) this.#timer ??= this.clock.setTimer(lookMs, this.#look)
    if (line.queued > 0) this.hurry(line)
  }

  /** Somebody waits for a place: those who have one and let it lie are looked for soon. */
  hurry(line: Line): void {
    if (this.#soon || line.bodies.size === 0 || this.#closed) return
    this.#soon = true
    this.#timer?.cancel()
    this.#timer = this.clock.setTimer(soonMs, this.#look)
  }

  unwatch(place: Place): void {
    const { line } = place
    line.bodies.delete(place)
    if (line.bodies.size === 0) this.#lines.delete(line)
  }

  /** Cuts off the body of a line that has stood still for longest, where one has for long enough. @returns whether one has */
  endStuck(line: Line): boolean {
    let longest: Place | undefined
    for (const place of line.bodies) {
      if (!place.streams || place.stuckSinceMs === undefined) continue
      if (longest?.stuckSinceMs === undefined || place.stuckSinceMs < longest.stuckSinceMs) {
        longest = place
      }
    }
    const sinceMs = longest?.stuckSinceMs
    if (!longest || sinceMs === undefined || this.clock.nowMs() - sinceMs < stuckMs) return false
    this.#cut(longest, tooManyStreams(line))
    return true
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  readonly #look = (): void => {
    const nowMs = this.clock.nowMs()
    let awaited = false
    for (const line of this.#lines) {
      for (const place of line.bodies) this.#lookAt(place, nowMs)
      if (line.uploads.length > 0 && line.streaming >= line.limits.maxStreams) this.endStuck(line)
      awaited ||= line.queued > 0
    }
    this.#soon = awaited && this.#lines.size > 0
    this.#timer =
      this.#lines.size === 0
        ? undefined
        : this.clock.setTimer(awaited ? soonMs : lookMs, this.#look)
  }

  #lookAt(place: Place, nowMs: number): void {
    const { transfer, line } = place
    if (!transfer) return
    const { bodyBytes, waitsForClient } = transfer
    const moved = bodyBytes !== place.seenBytes
    place.seenBytes = bodyBytes
    if (!waitsForClient || moved) place.stuckSinceMs = undefined
    else place.stuckSinceMs ??= nowMs
    place.windowIsClients &&= waitsForClient
    if (nowMs >= place.windowEndsMs) {
      if (isTooSlow(place)) {
        this.#cut(place, tooSlow(line))
        return
      }
      newWindow(place, nowMs)
    }
    if (place.streams) return
    if (nowMs - place.openedMs >= line.limits.streamAfterMs) {
      if (!this.keeper.tryStream(place)) this.#cut(place, tooManyStreams(line))
    } else if (line.requests.length > 0) {
      // A place is for what the environment does, and here it waits for its client, or has done it: the rest is to be passed on.
      const isLarge = bodyBytes >= largeBytes
      if (isLarge || place.stuckSinceMs !== undefined) this.keeper.tryStream(place)
    }
  }

  #cut(place: Place, error: AlcoveError): void {
    const { transfer } = place
    this.keeper.cut(error)
    this.unwatch(place)
    transfer?.cut(error)
  }
}

function newWindow(place: Place, nowMs: number): void {
  const { bodyRateWindowMs } = place.line.limits
  place.windowEndsMs = nowMs + bodyRateWindowMs
  place.windowBytes = place.transfer?.bodyBytes ?? 0
  place.windowIsClients = true
}

function isTooSlow({ windowIsClients, seenBytes, windowBytes, line }: Place): boolean {
  const { minBodyBytesPerSecond, bodyRateWindowMs } = line.limits
  return (
    windowIsClients && seenBytes - windowBytes < (minBodyBytesPerSecond * bodyRateWindowMs) / 1_000
  )
}
