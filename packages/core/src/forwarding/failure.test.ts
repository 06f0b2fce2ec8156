import { describe, expect, it } from 'vitest'
import { UpstreamHeadersTimeoutError } from '../errors.js'
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
    ['CERT_HAS_EXPIRED', false, 'ALCOVE_UPSTREAM_CERTIFICATE', 502],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false, 'ALCOVE_UPSTREAM_CERTIFICATE', 502],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false, 'ALCOVE_UPSTREAM_CERTIFICATE', 502],
    ['UND_ERR_HEADERS_TIMEOUT', true, 'ALCOVE_HEADERS_TIMEOUT', 504],
    ['UND_ERR_SOCKET', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['ECONNRESET', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['ECONNREFUSED', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['HPE_INVALID_CONSTANT', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
    ['UND_ERR_HEADERS_OVERFLOW', true, 'ALCOVE_UPSTREAM_BROKEN', 502],
  ])('with %s (sent: %s) is %s', (code, sent, name, status) => {
    expect(of(code, sent)).toMatchObject({ code: name, status, id: 'pr-1' })
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
