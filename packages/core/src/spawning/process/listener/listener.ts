import type { Endpoint } from '../../../environment/endpoint.js'

/** What a listener finds out. */
export interface ListenerEvents {
  /** Where the instance answers; again where that has changed. */
  endpoint(endpoint: Endpoint): void
  /** Its port belongs to somebody else. */
  portTaken(message: string): void
  /** For whoever reads the instance's output. */
  note(line: string): void
}

/** Finds out where one instance listens, until it is closed. */
export interface Listener {
  /** What PORT says and what listening elsewhere means, for {@link misplacedHint}. */
  readonly expected: string
  close(): void
}
