/** Memory that is set aside for one instance. */
export interface MemoryReservation {
  /** Gives it back. Calling it twice is harmless. */
  release(): void
}

/** Declared memory against what there is; nothing here waits, so that racing starts never exceed it by one. */
export class MemoryBudget {
  #reservedBytes = 0

  constructor(readonly limitBytes: number) {}

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** `undefined` where it does not fit. */
  reserve(bytes: number): MemoryReservation | undefined {
    if (this.#reservedBytes + bytes > this.limitBytes) return undefined
    this.#reservedBytes += bytes
    let held = true
    return {
      release: () => {
        if (held) this.#reservedBytes -= bytes
        held = false
      },
    }
  }
}

/** For messages: rounded up, so that a limit is never told as less than it is. */
export function inMebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20)
}
