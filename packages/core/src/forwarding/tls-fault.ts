import {
  type AlcoveError,
  type ErrorDetails,
  UpstreamBrokenError,
  UpstreamCertificateError,
  quote,
} from '../errors.js'
import type { Failure } from './failure.js'
import { endedUnanswered } from './upstream-tls.js'

/** Names what is wrong with an environment's TLS; `undefined` where that is not what went wrong. */
export function tlsFault(
  error: Error & { readonly data?: unknown },
  code: string,
  { id, endpoint, sent }: Failure,
  details: ErrorDetails,
  where: string,
): AlcoveError | undefined {
  const broken = (what: string): AlcoveError =>
    new UpstreamBrokenError(`Environment ${quote(id)} ${what}`, details, where)
  const untrusted = (what: string): AlcoveError =>
    new UpstreamCertificateError(`Environment ${quote(id)} ${what} (${code})`, details, where)
  if (!endpoint.tls) {
    // What undici's parser could not read: an alert is a record of type 21, with the version after it (RFC 8446 §5.1).
    return String(error.data).startsWith('\u0015\u0003')
      ? broken('speaks TLS, and its endpoint has no `tls`')
      : undefined
  }
  const own = certificateFault(code)
  if (own && !sent) return untrusted(`has a certificate that ${own}`)
  const refused = alertOf(code)
  if (refused === 'CERTIFICATE_REQUIRED') {
    return untrusted('asks for a certificate, and the gateway has none for it')
  }
  if (refused && isAboutCertificates.test(refused)) {
    return untrusted("does not accept the gateway's certificate")
  }
  if (sent) {
    return endedUnanswered(error)
      ? broken(
          `broke the connection over TLS before it said anything (${code}): it may not accept the gateway's certificate, or want one`,
        )
      : undefined
  }
  if (refused === 'HANDSHAKE_FAILURE') {
    return broken(`refused to set up TLS (${code}): it may want a certificate of the gateway's`)
  }
  if (refused) return broken(`refused to set up TLS (${code})`)
  if (isNoTls.test(code))
    return broken(`does not speak TLS, and its endpoint has \`tls\` (${code})`)
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return broken(`can't be connected to over TLS (${code})`)
  }
  return undefined
}

// What the other side's first bytes are taken for where they are no TLS record.
const isNoTls =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|BAD_RECORD_TYPE|HTTP_REQUEST)$/

const isAboutCertificates = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/

/** The alert that the other side sent (RFC 8446 §6.2): OpenSSL's words for it begin with `SSLV3`, `TLSV13` or `SSL/TLS`. */
function alertOf(code: string): string | undefined {
  return /^ERR_SSL_[A-Z0-9/]+_ALERT_(?<alert>\w+)$/.exec(code)?.groups?.['alert']
}

/** Why a certificate does not verify: OpenSSL's X509_V_ERR_* as Node.js names them, and its own check of the name. */
function certificateFault(code: string): string | undefined {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'has expired'
    case 'CERT_NOT_YET_VALID':
      return 'is not valid yet'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return 'is not for the name that it is asked by'
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'it has signed itself, and that the gateway does not trust'
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'is of an authority that the gateway does not trust'
    default:
      return isVerification.test(code) ? 'does not verify' : undefined
  }
}

const isVerification =
  /^(UNABLE_TO_|CERT_|CRL_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|ERROR_IN_CERT)/
