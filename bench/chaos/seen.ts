/** What a client has seen of an exchange, when it was over. */
export interface Seen {
  /** `undefined`: no head came. */
  readonly head: SeenHead | undefined
  readonly body: Buffer
  /**
   * `whole`: its framing says that all of it is there. `cut`: the connection ended, or broke, before that. `left`: the client itself has
   * left. `late`: nobody could be expected to wait any longer.
   */
  readonly end: 'whole' | 'cut' | 'left' | 'late'
  /** How the connection ended, where it did. */
  readonly why: string
  readonly ms: number
  /** The longest time in which nothing came, from the head on. */
  readonly quietMs: number
  /** Whether the connection had carried a request before. */
  readonly reused: boolean
}

export interface SeenHead {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly atMs: number
}

/** Collects what a client sees. */
export class Sight {
  readonly beganMs = performance.now()
  head: SeenHead | undefined
  readonly #parts: Buffer[] = []
  #quietMs = 0
  #lastMs = this.beganMs
  #seen: Seen | undefined

  headCame(status: number, fields: Readonly<Record<string, string>>): void {
    this.#lastMs = performance.now()
    this.head = { status, fields, atMs: this.#lastMs - this.beganMs }
  }

  part(bytes: Buffer): void {
    this.#moved()
    this.#parts.push(bytes)
  }

  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, 0)
  }

  /** The first end counts. */
  over(end: Seen['end'], why: string, reused: boolean): Seen {
    if (this.head) this.#moved()
    this.#seen ??= {
      head: this.head,
      body: Buffer.concat(this.#parts),
      end,
      why,
      ms: performance.now() - this.beganMs,
      quietMs: this.#quietMs,
      reused,
    }
    return this.#seen
  }

  #moved(): void {
    const nowMs = performance.now()
    this.#quietMs = Math.max(this.#quietMs, nowMs - this.#lastMs)
    this.#lastMs = nowMs
  }
}
