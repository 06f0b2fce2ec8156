import type { Instance } from './instance.js'
import type { Lease } from './lease.js'

interface Waiter {
  resolve(lease: Lease): void
  reject(error: unknown): void
}

/**
 * Those who wait for an environment to be ready. A lease is handed to all of them in one synchronous step, so that no
 * eviction can come between ready and first use.
 */
export class WaitList {
  /** Made for the first: most environments that are known have none, and a set without members takes as much as all else of them. */
  #waiters: Set<Waiter> | undefined

  /** @param abandoned - Called when the last one has left without an answer. */
  constructor(private readonly abandoned: () => void) {}

  get size(): number {
    return this.#waiters?.size ?? 0
  }

  /** Resolves to a lease of its own; rejects with the outcome that all share, or with the signal's reason. */
  join(signal: AbortSignal | undefined): Promise<Lease> {
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters?.delete(waiter)
        reject(signal?.reason)
        if (this.size === 0) this.abandoned()
      }
      const waiter: Waiter = {
        resolve: (lease) => {
          signal?.removeEventListener('abort', leave)
          resolve(lease)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', leave)
          reject(error)
        },
      }
      this.#waiters ??= new Set()
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  grant(instance: Instance): void {
    for (const waiter of this.#take()) waiter.resolve(instance.lease())
  }

  refuse(error: unknown): void {
    for (const waiter of this.#take()) waiter.reject(error)
  }

  #take(): Waiter[] {
    const all = [...(this.#waiters ?? [])]
    this.#waiters = undefined
    return all
  }
}
