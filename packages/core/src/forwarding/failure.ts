import {
  AlcoveError,
  BadRequestError,
  UpstreamBrokenError,
  UpstreamConnectError,
  UpstreamCertificateError,
  UpstreamConnectTimeoutError,
  UpstreamHeadersTimeoutError,
  quote,
} from '../errors.js'
import { type Endpoint, describeEndpoint } from '../environment/endpoint.js'

/** How long a client should wait where an environment can't be connected to. */
export const connectRetryAfterMs = 1000

/** Names what went wrong between here and an environment. */
export function classifyFailure(
  error: Error & { readonly code?: unknown },
  about: { readonly id: string; readonly endpoint: Endpoint; readonly sent: boolean },
): AlcoveError {
  if (error instanceof AlcoveError) return error
  const { id, endpoint, sent } = about
  // A DOMException, such as the reason of a signal, has numbers for codes.
  const code = typeof error.code === 'string' ? error.code : error.name
  const details = { id, cause: error }
  const where = ` (at ${describeEndpoint(endpoint)})`
  if (
    code === 'UND_ERR_INVALID_ARG' ||
    code === 'UND_ERR_NOT_SUPPORTED' ||
    (!sent && code === 'ERR_ASSERTION')
  ) {
    return new BadRequestError(`This request can't be forwarded: ${error.message}`, details)
  }
  if (!sent) {
    if (isCertificateFault(code)) {
      return new UpstreamCertificateError(
        `Environment ${quote(id)} has a certificate that does not verify (${code})`,
        details,
        where,
      )
    }
    const connectDetails = { ...details, retryAfterMs: connectRetryAfterMs }
    return code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT' || code === 'TimeoutError'
      ? new UpstreamConnectTimeoutError(
          `Environment ${quote(id)} accepts no connection in time`,
          connectDetails,
          where,
        )
      : new UpstreamConnectError(
          `Environment ${quote(id)} can't be connected to (${code})`,
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
    code.startsWith('HPE_') ||
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
  return new UpstreamBrokenError(
    `Environment ${quote(id)} broke the connection (${code})`,
    details,
    where,
  )
}

// The codes of OpenSSL's verification (X509_V_ERR_*) as Node.js gives them, and its own check of the name.
function isCertificateFault(code: string): boolean {
  return (
    code === 'ERR_TLS_CERT_ALTNAME_INVALID' ||
    /^(UNABLE_TO_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_|ERROR_IN_CERT)/.test(
      code,
    )
  )
}
