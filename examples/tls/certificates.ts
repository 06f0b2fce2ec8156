// @peculiar/x509 does not start without it.
import 'reflect-metadata'
import { KeyObject, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A certificate and its key, in PEM. */
export interface Certified {
  readonly cert: string
  readonly key: string
}

/** How long a certificate holds. */
export interface Validity {
  readonly from: Date
  readonly to: Date
}

const dayMs = 86_400_000

/**
 * A certificate authority of one's own, whose key is in memory alone. For an example: what people are to open in their browsers
 * has its certificate from an authority that browsers know.
 */
export class Authority {
  /** What whoever is to trust it has to know, in PEM. */
  readonly cert: string
  readonly #name: string
  readonly #keys: webcrypto.CryptoKeyPair
  readonly #validity: Validity

  private constructor(
    name: string,
    keys: webcrypto.CryptoKeyPair,
    validity: Validity,
    cert: string,
  ) {
    this.#name = name
    this.#keys = keys
    this.#validity = validity
    this.cert = cert
  }

  static async create(name: string, validity = untilTomorrow()): Promise<Authority> {
    const keys = await newKeys({ extractable: false })
    const cert = await sign({ name, keys }, name, keys.publicKey, validity, [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ])
    return new Authority(name, keys, validity, cert)
  }

  /** Certifies a server by the names and addresses that it is asked by; `*.dev.localhost` stands for all names below. */
  forServer(names: readonly string[], validity = this.#validity): Promise<Certified> {
    const alternatives = names.map(
      (value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const,
    )
    return this.#certify(names[0] ?? '', validity, [
      new SubjectAlternativeNameExtension(alternatives),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ])
  }

  /** Certifies a client. */
  forClient(name: string, validity = this.#validity): Promise<Certified> {
    return this.#certify(name, validity, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ])
  }

  async #certify(
    name: string,
    validity: Validity,
    extensions: readonly Extension[],
  ): Promise<Certified> {
    const { publicKey, privateKey } = await newKeys({ extractable: true })
    const issuer = { name: this.#name, keys: this.#keys }
    return {
      cert: await sign(issuer, name, publicKey, validity, extensions),
      key: KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }
}

interface Issuer {
  readonly name: string
  readonly keys: webcrypto.CryptoKeyPair
}

async function sign(
  issuer: Issuer,
  subject: string,
  publicKey: webcrypto.CryptoKey,
  { from, to }: Validity,
  extensions: readonly Extension[],
): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [subject] }],
    issuer: [{ CN: [issuer.name] }],
    notBefore: from,
    notAfter: to,
    publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...extensions,
      // By which a chain is put together (RFC 5280 §4.2.1.1); Python's clients insist on them.
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** @param options - Whether the private key can leave memory. */
function newKeys({
  extractable,
}: {
  readonly extractable: boolean
}): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return crypto.subtle.generateKey(algorithm, extractable, ['sign', 'verify'])
}

function untilTomorrow(): Validity {
  const now = Date.now()
  // Clocks differ.
  return { from: new Date(now - dayMs), to: new Date(now + dayMs) }
}
