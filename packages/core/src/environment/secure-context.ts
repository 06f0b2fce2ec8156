import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { InvalidOptionError } from '../errors.js'
import type { UpstreamTls } from './upstream-tls.js'

/**
 * Makes of certificates and keys what connections share; `undefined` where all is as Node.js has it.
 *
 * Node.js takes an authority that is none for no authority, and a key that is another certificate's shows at the first
 * connection: all of it is looked at here, and nothing of a key gets into a message.
 *
 * @param where - Whose they are: `upstreamTls`.
 * @throws {@link InvalidOptionError}
 */
export function secureContextOf(
  where: string,
  { ca, cert, key, passphrase }: UpstreamTls,
): SecureContext | undefined {
  const authorities = ca === undefined ? [] : [ca].flat()
  for (const authority of authorities) certificatesIn(`\`ca\` of ${where}`, authority)
  if ((cert === undefined) !== (key === undefined)) {
    const [there, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    throw new InvalidOptionError(
      `Expected ${where} to have both \`cert\` and \`key\`, or neither: it has \`${there}\` alone, give it \`${missing}\` too`,
    )
  }
  if (passphrase !== undefined && key === undefined) {
    throw new InvalidOptionError(
      `Expected ${where} to have a \`key\` for its \`passphrase\`, and it has none`,
    )
  }
  if (cert !== undefined && key !== undefined) {
    const [own] = certificatesIn(`\`cert\` of ${where}`, cert)
    if (!own?.checkPrivateKey(privateKey(where, key, passphrase))) {
      throw new InvalidOptionError(
        `Expected \`key\` of ${where} to be the key of its \`cert\`: it is another one's`,
      )
    }
  }
  if (ca === undefined && cert === undefined) return undefined
  try {
    return createSecureContext({
      ...(ca !== undefined && { ca: authorities }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    })
  } catch (cause) {
    throw new InvalidOptionError(`${where} can't be used for TLS: ${(cause as Error).message}`, {
      cause,
    })
  }
}

// RFC 7468 §5; what stands between them is for people.
const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesIn(what: string, pem: string | Buffer): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(certificate)
  if (!blocks) {
    throw new InvalidOptionError(
      `Expected ${what} to be certificates in PEM, which begin with "-----BEGIN CERTIFICATE-----": if it is the name of a file, read the file`,
    )
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      throw new InvalidOptionError(
        `Expected ${what} to be certificates in PEM, and number ${index + 1} in it can't be read`,
        { cause },
      )
    }
  })
}

function privateKey(where: string, key: unknown, passphrase: unknown): KeyObject {
  const what = `Expected \`key\` of ${where} to be a private key in PEM`
  if (passphrase !== undefined && (typeof passphrase !== 'string' || passphrase === '')) {
    throw new InvalidOptionError(`Expected \`passphrase\` of ${where} to be a non-empty string`)
  }
  if (typeof key !== 'string' && !Buffer.isBuffer(key)) {
    throw new InvalidOptionError(`${what}, as a string or a Buffer`)
  }
  // PKCS#8 says so in its label (RFC 7468 §11), the older forms in a header (RFC 1421 §4.6.1.1).
  const encrypted = /ENCRYPTED/.test(key.toString('latin1'))
  if (encrypted && passphrase === undefined) {
    throw new InvalidOptionError(`${what}, and it is encrypted: give its \`passphrase\``)
  }
  try {
    return createPrivateKey({ key, format: 'pem', ...(passphrase !== undefined && { passphrase }) })
  } catch (cause) {
    throw new InvalidOptionError(
      encrypted
        ? `Expected \`passphrase\` of ${where} to be that of its \`key\`, and it does not open it`
        : `${what}, which begins with "-----BEGIN PRIVATE KEY-----" or the like, and it can't be read`,
      { cause },
    )
  }
}
