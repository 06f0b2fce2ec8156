import { createPrivateKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../errors.js'
import {
  authority,
  clientCertificate,
  encryptedClientKey,
  serverCertificate,
  strangersClientCertificate,
} from './certificates.fixture.js'
import type { Endpoint } from './endpoint.js'
import { resolveUpstreamTls, type UpstreamTls } from './upstream-tls.js'

const { cert, key } = clientCertificate
const at = (tls: { readonly serverName: string; readonly secret?: string }): Endpoint => ({
  kind: 'tcp',
  host: '127.0.0.1',
  port: 443,
  tls,
})

describe('resolveUpstreamTls()', () => {
  it('says nothing of endpoints without TLS', () => {
    const tlsFor = resolveUpstreamTls({ upstreamTls: { ca: authority } })
    expect(tlsFor({ kind: 'dial' }, 'pr-1')).toBeUndefined()
  })

  it('verifies certificates where nothing is said, and by all that Node.js trusts', () => {
    const unsaid: readonly object[] = [
      {},
      { upstreamTls: undefined },
      { upstreamTls: {} },
      { upstreamTls: { secure: true } },
      { upstreamTls: { secure: undefined } },
    ]
    for (const options of unsaid) {
      const tls = resolveUpstreamTls(options)(at({ serverName: 'env.test' }), 'pr-1')
      expect(tls).toMatchObject({ rejectUnauthorized: true, servername: 'env.test' })
      expect(tls).not.toHaveProperty('secureContext')
    }
  })

  it('takes certificates and keys in each of their forms', () => {
    const forms: UpstreamTls[] = [
      { ca: authority },
      { ca: Buffer.from(authority) },
      { ca: [authority, Buffer.from(serverCertificate.cert)] },
      { ca: `People read this\r\n${authority.replaceAll('\n', '\r\n')}${serverCertificate.cert}` },
      { cert, key },
      { cert: Buffer.from(cert + authority), key: Buffer.from(key) },
      { cert, key, passphrase: 'not needed' },
      { cert, key: encryptedClientKey, passphrase: 'open sesame' },
      { cert, key: ownFormOf(key), passphrase: 'open sesame' },
      { ca: authority, cert, key, secure: false },
    ]
    for (const upstreamTls of forms) {
      const tls = resolveUpstreamTls({ upstreamTls })(at({ serverName: 'env.test' }), 'pr-1')
      expect(tls?.secureContext).toBeDefined()
      expect(tls?.rejectUnauthorized).toBe(upstreamTls.secure ?? true)
    }
  })

  it('makes one context for all connections', () => {
    const tlsFor = resolveUpstreamTls({ upstreamTls: { ca: authority } })
    const [one, two] = ['a.test', 'b.test'].map((serverName) => tlsFor(at({ serverName }), 'pr-1'))
    expect(one?.secureContext).toBe(two?.secureContext)
    expect([one?.servername, two?.servername]).toEqual(['a.test', 'b.test'])
  })

  it('goes by the secret that an endpoint names, and by that alone', () => {
    const tlsFor = resolveUpstreamTls({
      upstreamTls: { ca: authority },
      tlsSecrets: { team: { secure: false } },
    })
    const tls = tlsFor(at({ serverName: 'env.test', secret: 'team' }), 'pr-1')
    expect(tls?.rejectUnauthorized).toBe(false)
    expect(tls).not.toHaveProperty('secureContext')
  })

  it.each(['other', 'constructor', '__proto__', ''])('knows no secret %j', (secret) => {
    const tlsFor = resolveUpstreamTls({ tlsSecrets: { team: { ca: authority } } })
    expect(() => tlsFor(at({ serverName: 'env.test', secret }), 'pr-1')).toThrow(
      expect.objectContaining({
        code: 'ALCOVE_UPSTREAM_CERTIFICATE',
        status: 502,
        id: 'pr-1',
        message: `Environment "pr-1" is reached with the TLS secret "${secret}", which the gateway does not have: add it to \`tlsSecrets\``,
      }) as Error,
    )
  })

  it('sends no address as a name, and no dot after one', () => {
    const tlsFor = resolveUpstreamTls({})
    const sent = (serverName: string) => tlsFor(at({ serverName }), 'pr-1')?.servername
    expect(['127.0.0.1', '::1', 'env.test.', 'env.test'].map(sent)).toEqual([
      '',
      '',
      'env.test',
      'env.test',
    ])
  })

  it.each<[string, unknown, string]>([
    [
      'an unknown member',
      { CA: authority },
      '`upstreamTls` has no option "CA": did you mean `ca`?',
    ],
    ['http-proxy’s option', { rejectUnauthorized: false }, '`upstreamTls` has no option'],
    ['no object', 'ca.pem', 'Expected the options of `upstreamTls` to be an object, got "ca.pem"'],
    ['the name of a file', { ca: '/etc/ca.pem' }, 'if it is the name of a file, read the file'],
    [
      'no certificate in `ca`',
      { ca: [authority, key] },
      'Expected `ca` of `upstreamTls` to be certif',
    ],
    ['an empty list', { ca: [] }, 'Expected `ca` of `upstreamTls` to be certificates in PEM'],
    [
      'a broken certificate',
      { ca: authority + authority.replace('MII', 'MIJ') },
      "Expected `ca` of `upstreamTls` to be certificates in PEM, and number 2 in it can't be read",
    ],
    ['a key in `cert`', { cert: key, key }, 'Expected `cert` of `upstreamTls` to be certificates'],
    ['a certificate alone', { cert }, 'it has `cert` alone, give it `key` too'],
    ['a key alone', { key }, 'it has `key` alone, give it `cert` too'],
    ['a passphrase alone', { passphrase: 'x' }, 'to have a `key` for its `passphrase`'],
    [
      "another's key",
      { cert, key: strangersClientCertificate.key },
      "Expected `key` of `upstreamTls` to be the key of its `cert`: it is another one's",
    ],
    [
      'a certificate for a key',
      { cert, key: cert },
      'Expected `key` of `upstreamTls` to be a priv',
    ],
    ['a number for a key', { cert, key: 1 }, 'private key in PEM, as a string or a Buffer'],
    [
      'an encrypted key',
      { cert, key: encryptedClientKey },
      'Expected `key` of `upstreamTls` to be a private key in PEM, and it is encrypted: give its `passphrase`',
    ],
    ['an encrypted key of the older form', { cert, key: ownFormOf(key) }, 'it is encrypted'],
    [
      'the wrong passphrase',
      { cert, key: encryptedClientKey, passphrase: 'open' },
      'Expected `passphrase` of `upstreamTls` to be that of its `key`, and it does not open it',
    ],
    [
      'no text for a passphrase',
      { cert, key, passphrase: 7 },
      '`passphrase` of `upstreamTls` to be',
    ],
    ['no boolean', { secure: 'no' }, 'Expected `secure` of `upstreamTls` to be true or false'],
  ])('refuses %s at once', (_what, upstreamTls, message) => {
    const refusal = refused(() => resolveUpstreamTls({ upstreamTls } as object))
    expect(refusal).toBeInstanceOf(InvalidOptionError)
    expect(refusal.message).toContain(message)
    const named = refused(() => resolveUpstreamTls({ tlsSecrets: { team: upstreamTls } } as object))
    expect(named.message).toContain('`tlsSecrets`["team"]')
  })

  it('shows nothing of a key or a passphrase', () => {
    const secrets: readonly object[] = [
      { cert, key: 'k3y' },
      { cert: 'k3y', key },
      { cert, key: 'k3y', passphrase: 'k3y' },
      { cert, key: encryptedClientKey, passphrase: 'k3y' },
      { cert, key: ['k3y'] },
      { cert, key, passphrase: ['k3y'] },
      { passphrase: 'k3y' },
    ]
    for (const upstreamTls of secrets) {
      const { message } = refused(() => resolveUpstreamTls({ upstreamTls }))
      expect(message).not.toContain('k3y')
      expect(message).not.toContain(key.slice(40, 60))
    }
  })
})

function refused(attempt: () => unknown): Error {
  try {
    attempt()
  } catch (error: unknown) {
    return error as Error
  }
  throw new Error('it was not refused')
}

/** The key in the form of its own kind (RFC 5915), encrypted. */
function ownFormOf(pem: string): string {
  return createPrivateKey(pem)
    .export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })
    .toString()
}
