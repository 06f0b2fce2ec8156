import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bits, element, identifier, integer, octets, sequence, time, utf8, yes } from './der.ts'

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
const ecdsaWithSha256 = sequence(identifier('1.2.840.10045.4.3.2'))

/**
 * A certificate authority of one's own, whose key is in memory alone. For an example: what people are to open in their browsers
 * has its certificate from an authority that browsers know.
 */
export class Authority {
  /** What whoever is to trust it has to know, in PEM. */
  readonly cert: string
  readonly #name: Buffer
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #validity: Validity

  constructor(name: string, validity: Validity = untilTomorrow()) {
    this.#name = commonName(name)
    this.#validity = validity
    this.cert = this.#sign(this.#name, this.#keys.publicKey, validity, [
      extension('2.5.29.19', yes, octets(sequence(yes))), // basicConstraints: an authority
      extension('2.5.29.15', yes, octets(bits(Buffer.from([0b00000110]), 1))), // keyUsage: certificates
    ])
  }

  /** Certifies a server by the names and IPv4 addresses that it is asked by; `*.dev.localhost` stands for all names below. */
  forServer(names: readonly string[], validity = this.#validity): Certified {
    const alternatives = names.map((name) =>
      isIPv4(name)
        ? element(0x87, Buffer.from(name.split('.').map(Number)))
        : element(0x82, Buffer.from(name)),
    )
    return this.#certify(names[0] ?? '', validity, [
      extension('2.5.29.17', octets(sequence(...alternatives))), // subjectAltName
      extension('2.5.29.37', octets(sequence(identifier('1.3.6.1.5.5.7.3.1')))), // extKeyUsage: servers
    ])
  }

  /** Certifies a client. */
  forClient(name: string, validity = this.#validity): Certified {
    return this.#certify(name, validity, [
      extension('2.5.29.37', octets(sequence(identifier('1.3.6.1.5.5.7.3.2')))), // extKeyUsage: clients
    ])
  }

  #certify(name: string, validity: Validity, extensions: readonly Buffer[]): Certified {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return {
      cert: this.#sign(commonName(name), publicKey, validity, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  /** By which a chain is put together (RFC 5280 §4.2.1.1); Python's clients insist on them. */
  #keyIdentifiers(publicKey: KeyObject): readonly Buffer[] {
    const authority = element(0x80, keyIdentifier(this.#keys.publicKey))
    return [
      extension('2.5.29.14', octets(octets(keyIdentifier(publicKey)))),
      extension('2.5.29.35', octets(sequence(authority))),
    ]
  }

  /** Makes a certificate (RFC 5280 §4.1). */
  #sign(
    subject: Buffer,
    publicKey: KeyObject,
    { from, to }: Validity,
    extensions: readonly Buffer[],
  ): string {
    const toBeSigned = sequence(
      element(0xa0, integer(Buffer.from([2]))), // version 3
      integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      ecdsaWithSha256,
      this.#name,
      sequence(time(from), time(to)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      element(0xa3, sequence(...extensions, ...this.#keyIdentifiers(publicKey))),
    )
    const signature = sign('sha256', toBeSigned, this.#keys.privateKey)
    const whole = sequence(toBeSigned, ecdsaWithSha256, bits(signature)).toString('base64')
    const lines = whole.match(/.{1,64}/g) ?? []
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
  }
}

/** By its hash, as RFC 5280 §4.2.1.2 proposes. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
}

function commonName(name: string): Buffer {
  return sequence(element(0x31, sequence(identifier('2.5.4.3'), utf8(name))))
}

/** @param value - Its octets, after `yes` where whoever does not know it has to refuse the certificate. */
function extension(id: string, ...value: readonly Buffer[]): Buffer {
  return sequence(identifier(id), ...value)
}

function untilTomorrow(): Validity {
  const now = Date.now()
  // Clocks differ.
  return { from: new Date(now - dayMs), to: new Date(now + dayMs) }
}
