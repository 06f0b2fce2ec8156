import type { Clock, Timer } from '../clock.js'
import type { HostMemory } from './host-memory.js'

/** How often the host's memory is looked at while something could be stopped to free some. */
const lookEveryMs = 1_000

/** What could be stopped to free memory. */
export interface Relief {
  /** Whether anything is idle. */
  isThere(): boolean
  /** Stops one environment. */
  relieve(): Promise<unknown>
  /** The host's figures can't be had. */
  problem(cause: unknown): void
}

/** Watches the host's memory while environments are idle, and has one after the other stopped while there is too little of it. */
export class MemoryPressure {
  #timer: Timer | undefined
  #closed = false

  constructor(
    private readonly clock: Clock,
    private readonly memory: HostMemory,
    private readonly minAvailableBytes: number,
    private readonly relief: Relief,
  ) {}

  /** Something became idle. */
  idle(): void {
    if (this.#timer || this.#closed || this.minAvailableBytes <= 0) return
    const timer = this.clock.setTimer(lookEveryMs, () => void this.#look(timer))
    this.#timer = timer
  }

  /** Nothing is idle any more. */
  rest(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  close(): void {
    this.#closed = true
    this.rest()
  }

  async #look(timer: Timer): Promise<void> {
    // What one that was stopped had shows in the kernel's figures by the next look.
    try {
      if (this.memory.availableBytes() < this.minAvailableBytes) await this.relief.relieve()
    } catch (error) {
      this.relief.problem(error)
    }
    // It may have come to rest and begun again meanwhile.
    if (this.#timer !== timer) return
    this.#timer = undefined
    if (this.relief.isThere()) this.idle()
  }
}
