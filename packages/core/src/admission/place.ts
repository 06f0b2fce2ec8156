import type { Admission } from './admission.js'
import type { Line } from './line.js'
import type { Transfer, TransferWatch } from './transfer.js'

/**
 * What a request holds from being let in to its end. It works while it is the environment's turn, and streams while a client sends, or
 * a body stays open.
 */
export class Place implements TransferWatch {
  transfer: Transfer | undefined
  /** When its body was seen to be open. */
  openedMs = 0
  /** Since when its client has not gone on, though it is the client's turn. */
  stuckSinceMs: number | undefined
  /** What had passed when it was looked at last. */
  seenBytes = 0
  /** Over what its rate is taken. */
  windowBytes = 0
  windowEndsMs = Number.POSITIVE_INFINITY
  /** Whether all of that time it was the client's turn. */
  windowIsClients = true
  #left = false

  constructor(
    readonly line: Line,
    /** Streams, and does not work. */
    public streams: boolean,
    private readonly admission: Admission,
  ) {}

  opened(transfer: Transfer): void {
    if (this.#left || this.transfer) return
    this.transfer = transfer
    this.admission.bodies.watch(this)
  }

  uploaded(): void {
    if (this.#left) return
    this.#unwatch()
    this.admission.work(this)
  }

  endless(): void {
    if (this.#left) return
    this.#unwatch()
    this.admission.stream(this)
  }

  /** Idempotent. */
  release(): void {
    if (this.#left) return
    this.#left = true
    this.#unwatch()
    this.admission.leave(this)
  }

  #unwatch(): void {
    if (!this.transfer) return
    this.transfer = undefined
    this.admission.bodies.unwatch(this)
  }
}
