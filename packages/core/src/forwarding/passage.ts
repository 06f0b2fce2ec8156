import type { Dispatcher } from 'undici'
import type { AlcoveError } from '../errors.js'
import type { Lease } from '../instance/lease.js'
import type { Origin } from './forwarded.js'
import type { EndpointPool } from './pools.js'
import type { RequestFields } from './request-headers.js'

/** One request on its way to an environment: what is known of it, and whom to tell how it went. */
export class Passage {
  constructor(
    readonly lease: Lease,
    readonly pool: EndpointPool,
    readonly options: Dispatcher.DispatchOptions,
    readonly origin: Origin,
    readonly fields: RequestFields,
    readonly setCookie: readonly string[] | undefined,
    /** The answer has been sent, or given up. */
    readonly resolve: () => void,
    /** Nothing was sent to the client. */
    readonly reject: (error: AlcoveError) => void,
  ) {}

  /** What the client knows this server as: `https://pr-42.dev.example.com`. */
  get publicOrigin(): string {
    const { fields, origin } = this
    const told = origin.trusted ? fields : undefined
    const proto = firstOf(told?.forwardedProto) ?? (origin.encrypted ? 'https' : 'http')
    const host = firstOf(told?.forwardedHost) ?? fields.host
    return host ? `${proto}://${host}` : ''
  }
}

function firstOf(list: string | undefined): string | undefined {
  return list?.split(',', 1)[0]?.trim() || undefined
}
