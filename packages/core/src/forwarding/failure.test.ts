import { describe, expect, it } from 'vitest'
import { type AlcoveError, UpstreamHeadersTimeoutError } from '../errors.js'
import { classifyFailure } from './failure.js'

const endpoint = { kind: 'unix', path: '/run/secret/pr-1.sock' } as const
const of = (code: unknown, sent: boolean): { readonly code: string; readonly status: number } =>
  classifyFailure(Object.assign(new Error('x'), { code }), { id: 'pr-1', endpoint, sent })

describe('a failure', () => {
  it.each([
    ['ECONNREFUSED', false, 'ALCOVE_UPSTREAM_CONNECT', 503],
    ['ENOENT', false, 'ALCOVE_UPSTREAM_CONNECT', 503],
    ['UND_ERR_CONNECT_TIMEOUT', false, 'ALCOVE_CONNECT_TIMEOUT', 504],
    ['ETIMEDOUT', false, 'ALCOVE_CONNECT_TIMEOUT', 504],
    ['UND_ERR_CLOSED', false, 'ALCOVE_UPSTREAM_CONNECT', 503],
    [23, false, 'ALCOVE_UPSTREAM_CONNECT', 503],
    ['UND_ERR_INVALID_ARG', false, 'ALCOVE_BAD_REQUEST', 400],
    // Not its own: what its spawner dials through may have TLS too.
    ['CERT_HAS_EXPIRED', false, 'ALCOVE_UPSTREAM_CONNECT', 503],
    ['UND_ERR_HEADERS_TIMEOUT', true, 'ALCOVE_HEADERS_TIMEOUT', 504],
    ['UND_ERR_SOCKET', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['ECONNRESET', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['ECONNREFUSED', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['HPE_INVALID_CONSTANT', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['UND_ERR_HEADERS_OVERFLOW', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
  ])('with %s (sent: %s) is %s', (code, sent, name, status) => {
    expect(of(code, sent)).toMatchObject({ code: name, status, id: 'pr-1' })
  })

  it('of a parser is known without a code, too', () => {
    const error = Object.assign(new Error('x'), { name: 'HTTPParserError' })
    expect(classifyFailure(error, { id: 'pr-1', endpoint, sent: true }).reason).toBe(
      'Environment "pr-1" answered with something that is not HTTP (HTTPParserError)',
    )
  })

  it('keeps from clients where an environment is', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'HPE_X', 'UND_ERR_HEADERS_TIMEOUT']) {
      for (const sent of [true, false]) {
        const error = classifyFailure(Object.assign(new Error('x'), { code }), {
          id: 'pr-1',
          endpoint,
          sent,
        })
        expect(error.reason).not.toContain('secret')
        expect(error.message).toContain('/run/secret/pr-1.sock')
      }
    }
  })

  it('that has a name already keeps it', () => {
    const known = new UpstreamHeadersTimeoutError('late')
    expect(classifyFailure(known, { id: 'pr-1', endpoint, sent: false })).toBe(known)
  })
})

describe('a failure over TLS', () => {
  const secured = { ...endpoint, tls: { serverName: 'internal.test' } }
  const over = (code: string, sent: boolean): AlcoveError =>
    classifyFailure(Object.assign(new Error('x'), { code }), {
      id: 'pr-1',
      endpoint: secured,
      sent,
    })

  it.each([
    ['CERT_HAS_EXPIRED', 'has a certificate that has expired'],
    ['CERT_NOT_YET_VALID', 'has a certificate that is not valid yet'],
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'has a certificate that it has signed itself, and that the gateway does not trust',
    ],
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'has a certificate that is of an authority that the gateway does not trust',
    ],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'has a certificate that is of an authority that the gateway does not trust',
    ],
    [
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'has a certificate that is of an authority that the gateway does not trust',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'has a certificate that is not for the name that it is asked by',
    ],
    ['CERT_REVOKED', 'has a certificate that does not verify'],
    ['INVALID_PURPOSE', 'has a certificate that does not verify'],
    ['PATH_LENGTH_EXCEEDED', 'has a certificate that does not verify'],
  ])('with %s says that it %s', (code, what) => {
    const error = over(code, false)
    expect(error.reason).toBe(`Environment "pr-1" ${what} (${code})`)
    expect(error).toMatchObject({ code: 'ALCOVE_UPSTREAM_CERTIFICATE', status: 502, id: 'pr-1' })
    expect(error.retryAfterMs).toBeUndefined()
  })

  it.each([
    // As OpenSSL 3.0, 3.5 and later name them.
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'asks for a certificate, and the gateway has none for it',
    ],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', "does not accept the gateway's certificate"],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', "does not accept the gateway's certificate"],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', "does not accept the gateway's certificate"],
    ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', "does not accept the gateway's certificate"],
  ])('with %s says that it %s, in the handshake and after it', (code, what) => {
    for (const sent of [false, true]) {
      const error = over(code, sent)
      expect(error.reason).toBe(`Environment "pr-1" ${what} (${code})`)
      expect(error).toMatchObject({ code: 'ALCOVE_UPSTREAM_CERTIFICATE', status: 502, id: 'pr-1' })
    }
  })

  it.each([
    [
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      "refused to set up TLS (ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE): it may want a certificate of the gateway's",
    ],
    [
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'refused to set up TLS (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)',
    ],
    [
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'does not speak TLS, and its endpoint has `tls` (ERR_SSL_WRONG_VERSION_NUMBER)',
    ],
    [
      'ERR_SSL_PACKET_LENGTH_TOO_LONG',
      'does not speak TLS, and its endpoint has `tls` (ERR_SSL_PACKET_LENGTH_TOO_LONG)',
    ],
    [
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      "can't be connected to over TLS (ERR_SSL_UNSUPPORTED_PROTOCOL)",
    ],
    ['EPROTO', "can't be connected to over TLS (EPROTO)"],
  ])('with %s says that it %s', (code, what) => {
    const error = over(code, false)
    expect(error.reason).toBe(`Environment "pr-1" ${what}`)
    expect(error).toMatchObject({ code: 'ALCOVE_UPSTREAM_BROKEN', status: 502, id: 'pr-1' })
  })

  it('before its handshake is over may be tried again', () => {
    const error = over('ECONNRESET', false)
    expect(error.reason).toBe(`Environment "pr-1" can't be connected to over TLS (ECONNRESET)`)
    expect(error).toMatchObject({
      code: 'ALCOVE_UPSTREAM_CONNECT',
      status: 503,
      retryAfterMs: 1000,
    })
  })

  it('in mid-stream is one like any other', () => {
    for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'ERR_SSL_BAD_RECORD_TYPE', 'CERT_REVOKED'])
      expect(over(code, true).reason).toBe(`Environment "pr-1" broke the connection (${code})`)
  })

  it('tells the name that was asked for to the operator alone', () => {
    const error = over('ERR_TLS_CERT_ALTNAME_INVALID', false)
    expect(error.reason).not.toContain('internal.test')
    expect(error.message).toContain(' (at /run/secret/pr-1.sock as "internal.test")')
  })
})

describe('an endpoint without TLS', () => {
  it('that answers with an alert of TLS is told from one that is not HTTP', () => {
    // What undici's error has: a fatal alert (RFC 8446 §6).
    const data = Buffer.from([21, 3, 1, 0, 2, 2, 70]).toString()
    const error = Object.assign(new Error('x'), { code: 'HPE_INVALID_CONSTANT', data })
    expect(classifyFailure(error, { id: 'pr-1', endpoint, sent: true })).toMatchObject({
      code: 'ALCOVE_UPSTREAM_BROKEN',
      reason: 'Environment "pr-1" speaks TLS, and its endpoint has no `tls`',
    })
  })
})
