import {
  AlcoveError,
  BadRequestError,
  UpstreamBrokenError,
  UpstreamConnectError,
  UpstreamConnectTimeoutError,
  UpstreamHeadersTimeoutError,
  quote,
} from '../errors.js'
import { type Endpoint, describeEndpoint } from '../environment/endpoint.js'
import { tlsFault } from './tls-fault.js'

/** How long a client should wait where an environment can't be connected to. */
export const connectRetryAfterMs = 1000

/** What is known of a failure besides its error. */
export interface Failure {
  readonly id: string
  readonly endpoint: Endpoint
  /** The request may have arrived. */
  readonly sent: boolean
}

/** Names what went wrong between here and an environment. */
export function classifyFailure(
  error: Error & { readonly code?: unknown },
  about: Failure,
): AlcoveError {
  if (error instanceof AlcoveError) return error
  const { id, endpoint, sent } = about
  // A DOMException, such as the reason of a signal, has numbers for codes.
  const code = typeof error.code === 'string' ? error.code : error.name
  const details = { id, cause: error }
  const name = endpoint.tls ? ` as ${quote(endpoint.tls.serverName)}` : ''
  const where = ` (at ${describeEndpoint(endpoint)}${name})`
  const fault = tlsFault(error, code, about, details, where)
  if (fault) return fault
  if (
    code === 'UND_ERR_INVALID_ARG' ||
    code === 'UND_ERR_NOT_SUPPORTED' ||
    (!sent && code === 'ERR_ASSERTION')
  ) {
    return new BadRequestError(`This request can't be forwarded: ${error.message}`, details)
  }
  if (!sent) {
    const connectDetails = { ...details, retryAfterMs: connectRetryAfterMs }
    return code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT' || code === 'TimeoutError'
      ? new UpstreamConnectTimeoutError(
          `Environment ${quote(id)} accepts no connection in time`,
          connectDetails,
          where,
        )
      : new UpstreamConnectError(
          `Environment ${quote(id)} can't be connected to${endpoint.tls ? ' over TLS' : ''} (${code})`,
          connectDetails,
          where,
        )
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new UpstreamHeadersTimeoutError(
      `Environment ${quote(id)} did not answer in time`,
      details,
      where,
    )
  }
  if (
    isParserError(error) ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code.includes('MISMATCH') ||
    code === 'ERR_ASSERTION'
  ) {
    return new UpstreamBrokenError(
      `Environment ${quote(id)} answered with something that is not HTTP (${code})`,
      details,
      where,
    )
  }
  const { socket } = error as { readonly socket?: { readonly bytesRead?: number } | null }
  const hint = socket?.bytesRead === 0 ? '; if it speaks TLS, its endpoint needs `tls`' : ''
  return new UpstreamBrokenError(
    `Environment ${quote(id)} broke the connection (${code})`,
    details,
    where + hint,
  )
}

/** Whether it is what undici makes of an answer that is not HTTP; some versions of it give it no code. */
function isParserError(error: Error & { readonly code?: unknown }): boolean {
  return error.name === 'HTTPParserError' || String(error.code).startsWith('HPE_')
}
