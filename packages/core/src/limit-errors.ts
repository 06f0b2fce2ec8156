import { AlcoveError, type ErrorDetails } from './errors.js'

/** Which limit was reached, and whose it is. */
export interface LimitDetails extends ErrorDetails {
  /** The option that sets the limit: `maxQueued`. */
  readonly limit: string
  /** What the limit is for. */
  readonly whose: 'environment' | 'owner' | 'gateway'
  /** The owner, where it is theirs. */
  readonly owner?: string
}

/** The base of the errors of those who were turned away because there is too much of something, not because something failed. */
export abstract class LimitError extends AlcoveError {
  /** The option that sets the limit. */
  readonly limit: string
  readonly whose: LimitDetails['whose']
  readonly owner: string | undefined

  constructor(reason: string, details: LimitDetails) {
    super(reason, details)
    this.limit = details.limit
    this.whose = details.whose
    this.owner = details.owner
  }
}

/** No place for another environment. */
export class CapacityError extends LimitError {
  readonly code = 'ALCOVE_CAPACITY'
  readonly status = 503
}

/** The owner has as many environments as allowed. */
export class QuotaExceededError extends LimitError {
  readonly code = 'ALCOVE_QUOTA_EXCEEDED'
  readonly status = 429
}

/** More requests within a time than the environment, or its owner, may have. */
export class RateLimitedError extends LimitError {
  readonly code = 'ALCOVE_RATE_LIMITED'
  readonly status = 429
}

/** As many wait already as may. */
export class QueueFullError extends LimitError {
  readonly code = 'ALCOVE_QUEUE_FULL'
  readonly status = 503
}

/** The request has waited for its turn as long as it may. */
export class QueueTimeoutError extends LimitError {
  readonly code = 'ALCOVE_QUEUE_TIMEOUT'
  readonly status = 503
}

/** The gateway itself has too much to do, and this environment has asked for most of it. */
export class OverloadedError extends LimitError {
  readonly code = 'ALCOVE_OVERLOADED'
  readonly status = 503
}

/** The environment has as many open streams as it may. */
export class StreamLimitError extends LimitError {
  readonly code = 'ALCOVE_STREAM_LIMIT'
  readonly status = 503
}

/** A client sends or reads a body more slowly than `minBodyBytesPerSecond`. */
export class SlowBodyError extends LimitError {
  readonly code = 'ALCOVE_SLOW_BODY'
  readonly status = 408
}
