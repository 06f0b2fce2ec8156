import { randomBytes } from 'node:crypto'
import { resolveUpstreamTls } from '../environment/upstream-tls.js'
import type { Restriction } from '../events.js'
import { type Rule, boolean, durationMs, durationOrNeverMs, func, listOf } from '../option-check.js'
import { type CookieRewrite, type CookieRules, cookieRewriteRule } from './cookie-attributes.js'
import type { Dial } from './dial.js'
import { type ForwardingHooks, Hooks, hookRules } from './hooks.js'
import type { Narrowing } from './narrowing.js'
import type { PoolOptions, TlsOf } from './pools.js'
import type { TimeLimitOptions } from './time-limits.js'
import { type TrustProxy, trustOf, trustProxyRule } from './trust.js'
import type { Withholding } from './withheld.js'

/** How requests are forwarded. */
export interface ForwarderOptions extends ForwardingHooks {
  /** Opens the connections to `dial` endpoints. @default none: such an endpoint can't be reached */
  readonly dial?: Dial
  /** Secures the connections to endpoints with `tls`. @default with what Node.js trusts, by the endpoint's server name */
  readonly tls?: TlsOf
  /** Told of each field that is taken away, or made to say less. @default nobody is */
  readonly onRestricted?: (restriction: Restriction) => void
  /**
   * The name of this gateway in Via, by which a request that comes round again is told (RFC 9110 §7.6.3). Gateways in a row need
   * different ones. @default random
   */
  readonly gatewayName?: string

  /** How long a connection to an environment may take, its TLS included: then `ALCOVE_CONNECT_TIMEOUT`. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** How long the head of an answer may take, from the end of the request on: then `ALCOVE_HEADERS_TIMEOUT`. @default 300_000 */
  readonly headersTimeoutMs?: number
  /**
   * How long no byte of a body may pass, event streams included, in either direction: then `ALCOVE_STREAM_IDLE_TIMEOUT`. WebSockets
   * have `upgradeIdleTimeoutMs`. @default Infinity
   */
  readonly streamIdleTimeoutMs?: number
  /**
   * How long a request and its answer may take together, once the environment is ready: then `ALCOVE_REQUEST_TIMEOUT`. Event streams
   * and WebSockets have no such end. @default Infinity
   */
  readonly requestTimeoutMs?: number

  /** Whether environments are told by X-Forwarded-* and Forwarded whom a request is for. @default true */
  readonly xfwd?: boolean
  /** Which peers may say for whom they ask: their X-Forwarded-* and Forwarded are extended. @default false: they are replaced */
  readonly trustProxy?: TrustProxy
  /** Whether Host is the environment's own address, instead of what the client asked for. @default false */
  readonly changeOrigin?: boolean
  /** How the Domain of environments' cookies is rewritten. @default false, but its own host's is taken away */
  readonly cookieDomainRewrite?: CookieRewrite
  /** How the Path of environments' cookies is rewritten. @default false */
  readonly cookiePathRewrite?: CookieRewrite

  /** Whether environments get Authorization, which may be the gateway's own. @default false */
  readonly forwardAuthorization?: boolean
  /** The names of the gateway's own cookies, such as its session's: environments neither get nor set them. @default [] */
  readonly gatewayCookies?: readonly string[]
  /** Whether environments may set cookies for a domain that siblings share. @default false: Domain is taken away */
  readonly allowSharedCookies?: boolean
  /** Whether Strict-Transport-Security may speak for the hosts below. @default false: `includeSubDomains` is taken away */
  readonly allowHstsSubDomains?: boolean
  /** Whether environments may have browsers clear what they keep for this site. @default false: Clear-Site-Data is dropped */
  readonly allowClearSiteData?: boolean
  /** Whether Service-Worker-Allowed may reach beyond the environment's own path. @default false: it ends there */
  readonly allowServiceWorkerScope?: boolean
}

// RFC 9110 §5.6.2.
const isToken = (value: unknown): boolean =>
  typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)
const token: Rule = {
  expected: "a word of letters, digits and !#$%&'*+-.^_`|~",
  holds: isToken,
}

const withoutOptions = resolveUpstreamTls({})

/** The rules for {@link ForwarderOptions}. */
export const forwarderRules = {
  dial: func,
  tls: func,
  onRestricted: func,
  gatewayName: token,
  connectTimeoutMs: durationMs,
  headersTimeoutMs: durationOrNeverMs,
  streamIdleTimeoutMs: durationOrNeverMs,
  requestTimeoutMs: durationOrNeverMs,
  xfwd: boolean,
  trustProxy: trustProxyRule,
  changeOrigin: boolean,
  cookieDomainRewrite: cookieRewriteRule,
  cookiePathRewrite: cookieRewriteRule,
  forwardAuthorization: boolean,
  gatewayCookies: listOf(token, 'a list of the names of cookies'),
  allowSharedCookies: boolean,
  allowHstsSubDomains: boolean,
  allowClearSiteData: boolean,
  allowServiceWorkerScope: boolean,
  ...hookRules,
} satisfies Record<keyof ForwarderOptions, Rule>

/** {@link ForwarderOptions} with every default filled in. */
export interface ForwardingRules
  extends PoolOptions, TimeLimitOptions, Withholding, Narrowing, CookieRules {
  readonly gatewayName: string
  readonly xfwd: boolean
  readonly trusts: (remoteAddress: string | undefined) => boolean
  readonly changeOrigin: boolean
  readonly hooks: Hooks
  readonly onRestricted: ((restriction: Restriction) => void) | undefined
}

/** Fills in the defaults, once. */
export function resolveForwarderOptions(options: ForwarderOptions): ForwardingRules {
  return Object.freeze({
    dial: options.dial,
    tls: options.tls ?? ((lease) => withoutOptions(lease.endpoint, lease.id)),
    onRestricted: options.onRestricted,
    gatewayName: options.gatewayName ?? `alcove-${randomBytes(6).toString('hex')}`,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    headersTimeoutMs: options.headersTimeoutMs ?? 300_000,
    streamIdleTimeoutMs: options.streamIdleTimeoutMs ?? Number.POSITIVE_INFINITY,
    requestTimeoutMs: options.requestTimeoutMs ?? Number.POSITIVE_INFINITY,
    xfwd: options.xfwd ?? true,
    trusts: trustOf(options.trustProxy),
    changeOrigin: options.changeOrigin ?? false,
    cookieDomainRewrite: options.cookieDomainRewrite ?? false,
    cookiePathRewrite: options.cookiePathRewrite ?? false,
    forwardAuthorization: options.forwardAuthorization ?? false,
    gatewayCookies: new Set(options.gatewayCookies),
    allowSharedCookies: options.allowSharedCookies ?? false,
    allowHstsSubDomains: options.allowHstsSubDomains ?? false,
    allowClearSiteData: options.allowClearSiteData ?? false,
    allowServiceWorkerScope: options.allowServiceWorkerScope ?? false,
    hooks: new Hooks(options),
  })
}
