import type { ExitInfo } from './spawning/spawner.js'

/** Details that every error of Alcove may carry. */
export interface ErrorDetails {
  /** The environment concerned. */
  readonly id?: string
  readonly cause?: unknown
  /** When trying again makes sense. */
  readonly retryAfterMs?: number
}

/**
 * The base of all errors of Alcove: match on `code`, never on the message.
 *
 * @example
 * ```ts
 * try {
 *   await manager.create('pr-42')
 * } catch (error) {
 *   if (error instanceof AlcoveError && error.code === 'ALCOVE_CAPACITY') console.log(error.retryAfterMs)
 * }
 * ```
 */
export abstract class AlcoveError extends Error {
  /** Stable, in capitals. */
  abstract readonly code: string
  /** The HTTP status that a gateway answers with. */
  abstract readonly status: number
  /** The environment concerned. */
  readonly id: string | undefined
  /** When trying again makes sense; becomes Retry-After. */
  retryAfterMs: number | undefined
  /** The one sentence that may be shown to a client: the message without log lines. */
  readonly reason: string

  constructor(reason: string, details: ErrorDetails = {}, more = '') {
    super(reason + more, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.id = details.id
    this.retryAfterMs = details.retryAfterMs
    this.reason = reason
  }
}

/** Text from strangers for a message: quoted, control characters escaped, cut short. */
export function quote(text: unknown): string {
  const whole = typeof text === 'string' ? text : String(text)
  const cut = whole.length > 80 ? `${whole.slice(0, 80)}…` : whole
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** An option that is unknown, or has a value that makes no sense. */
export class InvalidOptionError extends AlcoveError {
  readonly code = 'ALCOVE_INVALID_OPTION'
  readonly status = 500
}

/** A name that can't be an environment's. */
export class InvalidIdError extends AlcoveError {
  readonly code = 'ALCOVE_INVALID_ID'
  readonly status = 400
  constructor(text: unknown) {
    super(
      `${quote(text)} can't name an environment: expected 1 to 63 characters a-z, 0-9 and "-", with no "-" at either end`,
    )
  }
}

/** A request that no environment's route can take. */
export class RouteRejectedError extends AlcoveError {
  readonly code = 'ALCOVE_ROUTE_REJECTED'
  constructor(
    readonly status: 400 | 404,
    reason: string,
  ) {
    super(reason)
  }
}

/** `specFor` knows no such environment. */
export class EnvironmentNotFoundError extends AlcoveError {
  readonly code = 'ALCOVE_NOT_FOUND'
  readonly status = 404
  constructor(id: string, details: ErrorDetails = {}) {
    super(`There is no environment ${quote(id)}`, { ...details, id })
  }
}

/** The host's `authorize`, or the safety of the zero configuration, said no. */
export class NotAuthorizedError extends AlcoveError {
  readonly code = 'ALCOVE_NOT_AUTHORIZED'
  constructor(
    readonly status: 401 | 403,
    reason: string,
    details: ErrorDetails = {},
  ) {
    super(reason, details)
  }
}

/** The environment does not run, and whoever asked may not start it. */
export class NotRunningError extends AlcoveError {
  readonly code = 'ALCOVE_NOT_RUNNING'
  readonly status = 503
  constructor(id: string) {
    super(`Environment ${quote(id)} is not running, and this request may not start it`, { id })
  }
}

/** What an instance that did not make it had to say. */
interface LoggedDetails extends ErrorDetails {
  /** The last lines it printed, oldest first. */
  readonly lastLogLines?: readonly string[]
}

/** How an instance that did not make it ended. */
export interface GoneDetails extends LoggedDetails {
  readonly exit: ExitInfo
  readonly lastLogLines: readonly string[]
}

/** The base of the errors that end with what the instance printed last. */
abstract class LoggedError extends AlcoveError {
  /** What the instance printed last, where this gateway has seen it. */
  readonly lastLogLines: readonly string[]

  constructor(reason: string, details: LoggedDetails) {
    const lines = details.lastLogLines ?? []
    const told = lines.map((line) => `  ${line}`).join('\n')
    super(reason, details, lines.length === 0 ? '' : `\nIts last log lines:\n${told}`)
    this.lastLogLines = lines
  }
}

/** The environment failed before, and its back-off is not over. */
export class BackingOffError extends LoggedError {
  readonly code = 'ALCOVE_BACKING_OFF'
  readonly status = 503
}

/** The instance ended: before it was ready, or while it was used. */
export class InstanceGoneError extends LoggedError {
  readonly code = 'ALCOVE_INSTANCE_GONE'
  readonly status = 503
  readonly exit: ExitInfo
  constructor(reason: string, details: GoneDetails) {
    super(reason, details)
    this.exit = details.exit
  }
}

/** The spawner could not start the instance: missing command, missing working directory, engine refused. */
export class SpawnFailedError extends AlcoveError {
  readonly code = 'ALCOVE_SPAWN_FAILED'
  readonly status = 503
}

/** What the spec's `prepare` was to make could not be made, or not in time. */
export class PrepareFailedError extends LoggedError {
  readonly code = 'ALCOVE_PREPARE_FAILED'
  readonly status = 503
}

/** The spawner took longer than `startTimeoutMs`. */
export class StartTimeoutError extends AlcoveError {
  readonly code = 'ALCOVE_START_TIMEOUT'
  readonly status = 504
}

/** The instance runs, and was not ready within `readyTimeoutMs`. */
export class ReadyTimeoutError extends LoggedError {
  readonly code = 'ALCOVE_READY_TIMEOUT'
  readonly status = 504
}

/** The port chosen for an instance belongs to somebody else; core chooses again. */
export class PortTakenError extends AlcoveError {
  readonly code = 'ALCOVE_PORT_TAKEN'
  readonly status = 503
}

/** A function of the host's (`specFor`, `authorize`, `beforeEvict`) threw, or answered with something it may not. */
export class HookFailedError extends AlcoveError {
  readonly code = 'ALCOVE_HOOK_FAILED'
  readonly status = 500
}

/** What the spec asks for can't be had on this host. */
export class UnsupportedError extends AlcoveError {
  readonly code = 'ALCOVE_UNSUPPORTED'
  readonly status = 500
}

/** The spawner can't tell, or can't act: its engine does not answer. */
export class SpawnerUnavailableError extends AlcoveError {
  readonly code = 'ALCOVE_SPAWNER_UNAVAILABLE'
  readonly status = 503
}

/** The environment was stopped while somebody waited for it. */
export class StoppedError extends AlcoveError {
  readonly code = 'ALCOVE_STOPPED'
  readonly status = 503
}

/** The manager is closing or closed. */
export class ClosedError extends AlcoveError {
  readonly code = 'ALCOVE_CLOSED'
  readonly status = 503
  constructor() {
    super('This gateway is shutting down and starts nothing any more')
  }
}

/** Another gateway has inherited the claim: this one was away for too long. */
export class ClaimLostError extends AlcoveError {
  readonly code = 'ALCOVE_CLAIM_LOST'
  readonly status = 503
}

/** The coordination session is lost: what runs is served, nothing starts or stops. */
export class SessionLostError extends AlcoveError {
  readonly code = 'ALCOVE_SESSION_LOST'
  readonly status = 503
}

/** Something before the gateway has read the request's body. */
export class BodyAlreadyReadError extends AlcoveError {
  readonly code = 'ALCOVE_BODY_ALREADY_READ'
  readonly status = 500
}

/** A request that can't be forwarded safely. */
export class BadRequestError extends AlcoveError {
  readonly code = 'ALCOVE_BAD_REQUEST'
  readonly status = 400
}

/** The request has been through this gateway before. */
export class LoopDetectedError extends AlcoveError {
  readonly code = 'ALCOVE_LOOP_DETECTED'
  readonly status = 508
}

/** The environment can't be connected to: nothing was sent. */
export class UpstreamConnectError extends AlcoveError {
  readonly code = 'ALCOVE_UPSTREAM_CONNECT'
  readonly status = 503
}

/** No connection to the environment stood within `connectTimeoutMs`: nothing was sent. */
export class UpstreamConnectTimeoutError extends AlcoveError {
  readonly code = 'ALCOVE_CONNECT_TIMEOUT'
  readonly status = 504
}

/** The environment did not begin to answer within `headersTimeoutMs`. */
export class UpstreamHeadersTimeoutError extends AlcoveError {
  readonly code = 'ALCOVE_HEADERS_TIMEOUT'
  readonly status = 504
}

/** No byte of a body passed for `streamIdleTimeoutMs`: 408 where it is the client that does not send on. */
export class StreamIdleTimeoutError extends AlcoveError {
  readonly code = 'ALCOVE_STREAM_IDLE_TIMEOUT'
  constructor(
    readonly status: 408 | 504,
    reason: string,
    details: ErrorDetails = {},
  ) {
    super(reason, details)
  }
}

/** The whole of a request and its answer took longer than `requestTimeoutMs`. */
export class RequestTimeoutError extends AlcoveError {
  readonly code = 'ALCOVE_REQUEST_TIMEOUT'
  readonly status = 504
}

/** The environment's certificate does not verify, or it does not take the gateway's: nothing was sent. */
export class UpstreamCertificateError extends AlcoveError {
  readonly code = 'ALCOVE_UPSTREAM_CERTIFICATE'
  readonly status = 502
}

/** The environment broke the connection, or answered with something that is not HTTP. */
export class UpstreamBrokenError extends AlcoveError {
  readonly code = 'ALCOVE_UPSTREAM_BROKEN'
  readonly status = 502
}
