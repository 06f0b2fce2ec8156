import { isIP } from 'node:net'
import { checkServerIdentity, type ConnectionOptions } from 'node:tls'
import { quote, UpstreamCertificateError } from '../errors.js'
import { checkOptions, object, type Rule } from '../option-check.js'
import type { Endpoint } from './endpoint.js'
import { secureContextOf } from './secure-context.js'

/** With what environments are reached over TLS. What is not given is as Node.js has it. */
export interface UpstreamTls {
  /** The authorities that their certificates are verified with, in PEM, and no others. @default those of Node.js */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** The gateway's own certificate, for environments that ask for one (mutual TLS), in PEM, with those between it and its authority. */
  readonly cert?: string | Buffer
  /** The key to `cert`, in PEM. */
  readonly key?: string | Buffer
  /** What `key` is encrypted with. */
  readonly passphrase?: string
  /** Whether certificates have to verify. `false` lets anybody pass for an environment. @default true */
  readonly secure?: boolean
}

/** The options that say how environments are reached over TLS. */
export interface UpstreamTlsOptions {
  /** For endpoints with `tls` that name no secret of their own. @default the authorities of Node.js, and no certificate */
  readonly upstreamTls?: UpstreamTls
  /** For the others, by the name in their `tls.secret`. @default none */
  readonly tlsSecrets?: Readonly<Record<string, UpstreamTls>>
}

/** The rules for {@link UpstreamTlsOptions}; what is in them is looked at by {@link resolveUpstreamTls}. */
export const upstreamTlsRules = { upstreamTls: object, tlsSecrets: object } satisfies Record<
  keyof UpstreamTlsOptions,
  Rule
>

/**
 * What `tls.connect()` has to know for an environment's endpoint, besides the connection; `undefined` where that has no TLS.
 *
 * @throws {@link UpstreamCertificateError} for an endpoint that names a secret which is not there
 */
export type TlsFor = (endpoint: Endpoint, id: string) => ConnectionOptions | undefined

/**
 * Reads certificates and keys, once.
 *
 * @throws {@link InvalidOptionError} on a certificate or a key that can't be used
 */
export function resolveUpstreamTls(options: UpstreamTlsOptions): TlsFor {
  const general = settingsOf('`upstreamTls`', options.upstreamTls ?? {})
  const { tlsSecrets = {} } = options
  const secrets = new Map(
    Object.entries(tlsSecrets).map(([name, settings]) => [
      name,
      settingsOf(`\`tlsSecrets\`[${quote(name)}]`, settings),
    ]),
  )
  return ({ tls }, id) => {
    if (!tls) return undefined
    const settings = tls.secret === undefined ? general : secrets.get(tls.secret)
    if (settings) return { ...settings, ...nameOf(tls.serverName) }
    throw new UpstreamCertificateError(
      `Environment ${quote(id)} is reached with the TLS secret ${quote(tls.secret)}, which the gateway does not have: add it to \`tlsSecrets\``,
      { id },
    )
  }
}

function settingsOf(where: string, settings: UpstreamTls): ConnectionOptions {
  checkOptions(where, settings, memberRules)
  const secureContext = secureContextOf(where, settings)
  return {
    // Said always, or NODE_TLS_REJECT_UNAUTHORIZED would decide.
    rejectUnauthorized: settings.secure ?? true,
    ALPNProtocols: ['http/1.1'],
    ...(secureContext && { secureContext }),
  }
}

function nameOf(serverName: string): ConnectionOptions {
  const name = serverName.replace(/\.$/, '')
  return {
    // An address is verified, but never sent (RFC 6066 §3).
    servername: isIP(name) === 0 ? name : '',
    // Whatever the connection leads to, and whoever opened it.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  }
}

const isPem = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') || Buffer.isBuffer(value)
// Messages show what breaks a rule, and of a secret nothing is to be shown: what it is is looked at later.
const secret: Rule = { expected: 'a secret', holds: () => true }

const memberRules = {
  ca: {
    expected: 'certificates in PEM, as a string, a Buffer, or a list of these',
    holds: (value) =>
      isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)),
  },
  cert: { expected: 'a certificate in PEM, as a string or a Buffer', holds: isPem },
  key: secret,
  passphrase: secret,
  secure: { expected: 'true or false', holds: (value) => typeof value === 'boolean' },
} satisfies Record<keyof UpstreamTls, Rule>
