import { performance } from 'node:perf_hooks'
import type { Clock, Timer } from '../clock.js'
import type { Line } from './line.js'

/** How often the load is looked at, while there is any. */
const sampleMs = 100
/** Less than this of its time the loop was busy: then it is late because the whole process stood still. */
const busyUtilisation = 0.5
/** From here on the loop is busy all of its time, and below the other not any more. */
const saturatedUtilisation = 0.95
const restedUtilisation = 0.85
/** Whoever asks for less in a sample is not among those who cause a load: 100 requests a second. */
const leastAsked = 10
/** Where there was no limit, the first squeeze begins here. */
const unlimitedCap = 64

/** How busy the event loop was since it was asked last. */
export interface LoopLoad {
  /** How late a timer was. */
  readonly lagMs: number
  /** The share of the time in which it did not wait, 0 to 1. */
  readonly utilisation: number
}

/** Tells the load of this process's event loop; each call begins a new period. */
export type LoopMeter = () => LoopLoad

/** Measures how late it is called where it is called every {@link sampleMs}. */
function loopMeter(): LoopMeter {
  let before = performance.eventLoopUtilization()
  let lastMs = performance.now()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    const nowMs = performance.now()
    const lagMs = Math.max(0, nowMs - lastMs - sampleMs)
    before = now
    lastMs = nowMs
    return { lagMs, utilisation: utilization }
  }
}

/** Told of lines. */
export interface LoadListener {
  /** It may have more places again. */
  freed(line: Line): void
  /** Of each with each look, whatever was found. */
  looked(line: Line): void
}

/** Looks at the load, and gives the environments that ask for most fewer places while the event loop is late. */
export class LoadWatch {
  /** As of the last sample. */
  now: LoopLoad = { lagMs: 0, utilisation: 0 }
  #overloaded = false
  #closed = false
  /** Of the last sample alone. */
  #lastLagMs = 0
  #timer: Timer | undefined
  #meter: LoopMeter | undefined

  constructor(
    private readonly maxLoopLagMs: number,
    private readonly lines: Map<string, Line>,
    private readonly clock: Clock,
    private readonly listener: LoadListener,
    private readonly newMeter: () => LoopMeter = loopMeter,
  ) {}

  get overloaded(): boolean {
    return this.#overloaded
  }

  /** Something goes on from here on; cheap where it does already. */
  begin(): void {
    if (this.#timer || this.#closed) return
    // A new one: of the time before nothing is to count.
    this.#meter = this.newMeter()
    this.#timer = this.clock.setTimer(sampleMs, this.#sample)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  readonly #sample = (): void => {
    const load = this.#meter?.() ?? this.now
    // Half of what was before, and two samples that are late, so that one long turn of the host's is no overload, however long.
    const lagMs = (this.now.lagMs + load.lagMs) / 2
    this.now = { lagMs, utilisation: load.utilisation }
    const again = this.#overloaded || Math.min(load.lagMs, this.#lastLagMs) > this.maxLoopLagMs / 2
    this.#lastLagMs = load.lagMs
    this.#overloaded = again && lagMs > this.maxLoopLagMs && load.utilisation >= busyUtilisation
    if (this.#overloaded) this.#squeeze()
    for (const line of this.lines.values()) {
      if (!this.#overloaded && line.squeezed) this.#relax(line)
      this.#pace(line, load.utilisation)
      this.listener.looked(line)
      line.servedPerSecond = (line.servedPerSecond + line.served * (1_000 / sampleMs)) / 2
      if (line.visits === 0 && line.asked === 0 && !line.squeezed) this.lines.delete(line.id)
      line.asked = 0
      line.served = 0
    }
    this.#timer = this.lines.size > 0 ? this.clock.setTimer(sampleMs, this.#sample) : undefined
    if (!this.#timer) this.#rest()
  }

  #rest(): void {
    this.now = { lagMs: 0, utilisation: 0 }
    this.#lastLagMs = 0
    this.#overloaded = false
  }

  /** The one that asks for most, and not less than its share: with each sample half of what it has, down to one place. */
  #squeeze(): void {
    let all = 0
    let weights = 0
    let heaviest: Line | undefined
    for (const line of this.lines.values()) {
      all += line.asked
      weights += line.limits.weight
      const canGive = line.asked >= leastAsked && (line.cap > 1 || !line.squeezed)
      if (canGive && (!heaviest || share(line) > share(heaviest))) heaviest = line
    }
    if (!heaviest || share(heaviest) < all / weights) return
    heaviest.squeezed = true
    heaviest.squeezedTo = Math.max(1, Math.floor(Math.min(heaviest.cap, unlimitedCap) / 2))
    heaviest.setCap()
  }

  /**
   * What a loop that is never idle has begun stands before all that comes next, and with half of it begun it gets as much done:
   * measured, see docs/performance.md.
   */
  #pace(line: Line, utilisation: number): void {
    const paced = line.paced
      ? utilisation >= restedUtilisation
      : utilisation >= saturatedUtilisation && line.requests.length > 0
    if (paced === line.paced) return
    line.paced = paced
    line.setCap()
    if (!paced) this.listener.freed(line)
  }

  #relax(line: Line): void {
    const { maxInFlight } = line.limits
    const more = Math.max(1, Math.ceil(Math.min(maxInFlight, unlimitedCap) / 8))
    const places = line.squeezedTo + more
    line.squeezed = places < Math.min(maxInFlight, unlimitedCap)
    line.squeezedTo = line.squeezed ? places : maxInFlight
    line.setCap()
    this.listener.freed(line)
  }
}

function share(line: Line): number {
  return line.asked / line.limits.weight
}
