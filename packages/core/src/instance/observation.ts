import type { Endpoint } from '../environment/endpoint.js'
import type { ExitInfo, Sink, Status } from '../spawning/spawner.js'

/** What one incarnation's spawner has told so far, and who waits for more. */
export class Observation {
  /** Aborts when the incarnation is gone. */
  readonly ended: AbortSignal
  /** How it ended. */
  exit: ExitInfo | undefined
  /** Ends the spawner's telling. */
  readonly signal: AbortSignal
  readonly #ended = new AbortController()
  readonly #over = new AbortController()
  readonly #waiting = new Set<(endpoint: Endpoint) => void>()
  #endpoint: Endpoint | undefined

  constructor(
    private readonly sink: Sink,
    private readonly changed: (now: Status) => void,
  ) {
    this.ended = this.#ended.signal
    this.signal = this.#over.signal
  }

  log(line: string): void {
    this.sink.log(line)
  }

  progress(step: { readonly phase: string; readonly text: string }): void {
    this.sink.progress(step)
  }

  status(now: Status): void {
    this.#endpoint = now.is === 'running' ? now.endpoint : undefined
    if (this.#endpoint) {
      for (const resolve of this.#waiting) resolve(this.#endpoint)
      this.#waiting.clear()
    }
    this.changed(now)
    // Last, so that whoever waits for several signals sees the instance's own error first.
    if (now.is === 'gone') {
      this.exit = now.exit
      this.#ended.abort(new Error(describeExit(now.exit)))
    }
  }

  /** The endpoint, as soon as there is one; rejects with the signal's reason. */
  endpoint(signal: AbortSignal): Promise<Endpoint> {
    if (this.#endpoint) return Promise.resolve(this.#endpoint)
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(done)
        reject(signal.reason as Error)
      }
      const done = (endpoint: Endpoint): void => {
        signal.removeEventListener('abort', abort)
        resolve(endpoint)
      }
      signal.throwIfAborted()
      this.#waiting.add(done)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  close(): void {
    this.#over.abort()
  }
}

/** How an instance ended, as the end of a sentence. */
export function describeExit(exit: ExitInfo): string {
  const more = exit.message ? ` (${exit.message})` : ''
  switch (exit.reason) {
    case 'exited':
      return `exited with code ${exit.exitCode ?? 'unknown'}${more}`
    case 'signalled':
      return `was ended by ${exit.signal ?? 'a signal'}${more}`
    case 'out-of-memory':
      return `ran out of memory${more}`
    case 'evicted':
      return `was evicted by its engine${more}`
    case 'port-taken':
      return `found its port taken by somebody else${more}`
    case 'lost':
      return `is gone, and nobody saw how it ended${more}`
  }
}
