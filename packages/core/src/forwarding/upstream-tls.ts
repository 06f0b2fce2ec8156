import { type Rule, object } from '../option-check.js'

/** With what environments are reached over TLS. */
export interface UpstreamTls {
  /** The authorities that their certificates are verified with, in PEM. @default those of Node.js */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** The gateway's own certificate, for environments that ask for one (mutual TLS), in PEM. */
  readonly cert?: string | Buffer
  /** The key to `cert`, in PEM. */
  readonly key?: string | Buffer
  /** What `key` is encrypted with. */
  readonly passphrase?: string
  /** Whether certificates have to verify. `false` lets anybody pass for an environment. @default true */
  readonly secure?: boolean
}

export const upstreamTlsRule: Rule = object
