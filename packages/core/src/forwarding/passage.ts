import type { Dispatcher } from 'undici'
import type { TransferWatch } from '../admission/transfer.js'
import type { AlcoveError } from '../errors.js'
import type { Restriction } from '../events.js'
import type { Lease } from '../instance/lease.js'
import type { Origin } from './forwarded.js'
import type { ForwardingRules } from './forwarder-options.js'
import type { Narrowed } from './narrowing.js'
import type { EndpointPool } from './pools.js'
import type { RequestFields } from './request-headers.js'
import type { AnswerContext, OwnHost } from './response-headers.js'
import { prefixTaken } from './target.js'

/** What becomes of one request. */
export interface ForwardTarget {
  /** The request target to ask the environment for. */
  readonly target: string
  /** What the client itself asked for. @default target */
  readonly clientTarget?: string | undefined
  /** The part of the host's paths that is the environment's: `/env/pr-42`. @default what `target` lacks of `clientTarget` */
  readonly ownPath?: string | undefined
  /** Cookies to add to the answer. */
  readonly setCookie?: readonly string[] | undefined
  /** Told why an answer that has begun is cut off, when nothing can be said to the client any more. */
  onCut?: ((error: AlcoveError) => void) | undefined
  /** Told how its bodies get on. */
  watch?: TransferWatch | undefined
}

/** Whom to tell how it ended: one of both, once. */
export interface Outcome {
  /** The answer has been sent, or given up. */
  done(): void
  /** Nothing was sent to the client. */
  failed(error: AlcoveError): void
}

// What an environment calls itself that is asked under this name, having no other.
const localhost: OwnHost = { authority: 'localhost', hostname: 'localhost' }

/** One request on its way to an environment: what is known of it, and whom to tell how it went. */
export class Passage implements AnswerContext {
  constructor(
    readonly lease: Lease,
    readonly pool: EndpointPool,
    readonly options: Dispatcher.DispatchOptions,
    readonly origin: Origin,
    readonly fields: RequestFields,
    readonly to: ForwardTarget,
    readonly rules: ForwardingRules,
    readonly outcome: Outcome,
  ) {}

  get own(): OwnHost | undefined {
    return this.pool.own ?? (this.rules.changeOrigin ? localhost : undefined)
  }

  get publicOrigin(): string {
    const { fields, origin } = this
    const told = origin.trusted ? fields : undefined
    const proto = firstOf(told?.forwardedProto) ?? (origin.encrypted ? 'https' : 'http')
    const host = this.#publicAuthority
    return host ? `${proto}://${host}` : ''
  }

  get publicHost(): string {
    return this.#publicAuthority.replace(/:\d*$/, '')
  }

  get prefix(): string {
    const { clientTarget, to } = this
    // An absolute target begins with an origin, which is nobody's prefix.
    if (clientTarget === to.target || !clientTarget.startsWith('/')) return ''
    return prefixTaken(clientTarget, to.target)
  }

  get ownPath(): string {
    return this.to.ownPath ?? this.prefix
  }

  get clientTarget(): string {
    return this.to.clientTarget ?? this.to.target
  }

  restricted(field: string, { value, option }: Narrowed): void {
    this.tellRestricted(field, value === undefined ? 'dropped' : 'narrowed', option)
  }

  tellRestricted(field: string, action: Restriction['action'], option: string): void {
    const { id, generation } = this.lease
    this.rules.onRestricted?.({ id, generation, field, action, option })
  }

  get #publicAuthority(): string {
    const told = this.origin.trusted ? firstOf(this.fields.forwardedHost) : undefined
    return told ?? this.fields.host ?? ''
  }
}

function firstOf(list: string | undefined): string | undefined {
  return list?.split(',', 1)[0]?.trim() || undefined
}
