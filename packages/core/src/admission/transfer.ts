import type { AlcoveError } from '../errors.js'

/** A request and its answer under way, of which a body is open. */
export interface Transfer {
  /** How many bytes of bodies have passed, in both directions. */
  readonly bodyBytes: number
  /** Whether it is the client that has to go on: to send what it has announced, or to take what is here for it. */
  readonly waitsForClient: boolean
  /** Ends it: answered with the error, or cut off where an answer has begun. */
  cut(error: AlcoveError): void
}

/** Told how a request gets on, by whoever forwards it. */
export interface TransferWatch {
  /** A body is open, and may stay so. */
  opened(transfer: Transfer): void
  /** The client has sent all of the request: the environment's turn. */
  uploaded(): void
  /** What passes from here on is not expected to end. @throws an error for the client, where no such place is left */
  endless(): void
}
