import { UpstreamBrokenError } from '../errors.js'
import { type CookieRules, rewriteCookie } from './cookie-attributes.js'
import { connectionOptions, removeFrom } from './headers.js'
import {
  type Narrowed,
  type Narrowing,
  narrowHsts,
  narrowServiceWorker,
  narrowSetCookie,
} from './narrowing.js'

/** What one pass over an answer's raw fields finds. */
export class ResponseFields {
  /** End-to-end fields as name, value, name, value: original case and order, repeats separate. */
  readonly flat: string[] = []
  /** The declared length, -1 where there is none. */
  contentLength = -1
  /** The body comes in chunks. */
  chunked = false
  eventStream = false
  /** The fields that may follow the body. */
  trailer: string | undefined
}

/** The environment's own address, which must not be what a browser is sent to. */
export interface OwnHost {
  /** `127.0.0.1:3000` */
  readonly authority: string
  /** `127.0.0.1` */
  readonly hostname: string
}

/** For whom an answer is, and from whom. */
export interface AnswerContext {
  /** Where given, Location and the Domain of cookies are freed of it. */
  readonly own: OwnHost | undefined
  /** Whose view of this server Location has instead: `https://pr-42.dev.example.com`. */
  readonly publicOrigin: string
  /** The host of that without its port. */
  readonly publicHost: string
  /** What was taken off the front of the client's path. */
  readonly prefix: string
  /** The part of the host's paths that is the environment's: `/env/pr-42`, or the empty string for all. */
  readonly ownPath: string
  readonly rules: AnswerRules
  /** Told of each field that is dropped or made to say less. */
  restricted(field: string, narrowed: Narrowed): void
}

/** What holds for the answers of all environments. */
export type AnswerRules = Narrowing & CookieRules

/**
 * Sorts the fields of an answer: hop-by-hop ones go (RFC 9110 §7.6.1), what reaches beyond the environment is narrowed, and all
 * else is kept as it is, byte for byte.
 *
 * @param raw - Name, value, name, value, as received.
 * @throws {@link UpstreamBrokenError} for a transfer coding that nobody asked for
 */
export function responseFields(raw: readonly Buffer[], context: AnswerContext): ResponseFields {
  const fields = new ResponseFields()
  const { flat } = fields
  const { rules } = context
  let named: string[] | undefined
  let workerScoped = false

  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1')
    let value = (raw[i + 1] as Buffer).toString('latin1')
    let narrowed: Narrowed | undefined
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'te') continue
        break
      case 7: {
        const lower = name.toLowerCase()
        if (lower === 'upgrade') continue
        if (lower === 'trailer') {
          fields.trailer = fields.trailer === undefined ? value : `${fields.trailer}, ${value}`
          continue
        }
        break
      }
      case 8:
        if (context.own && name.toLowerCase() === 'location') {
          value = rewriteLocation(value, context.own, context.publicOrigin + context.prefix)
        }
        break
      case 10: {
        const lower = name.toLowerCase()
        if (lower === 'keep-alive') continue
        if (lower === 'connection') {
          named = connectionOptions(value, named)
          continue
        }
        if (lower === 'set-cookie') {
          value = rewriteCookie(value, rules, context.own)
          narrowed = narrowSetCookie(value, context.publicHost, rules)
        }
        break
      }
      case 12:
        if (name.toLowerCase() === 'content-type') fields.eventStream = isEventStream(value)
        break
      case 14:
        if (name.toLowerCase() === 'content-length') fields.contentLength = Number(value)
        break
      case 15:
        if (!rules.allowClearSiteData && name.toLowerCase() === 'clear-site-data') {
          narrowed = { value: undefined, option: 'allowClearSiteData' }
        }
        break
      case 16:
        if (name.toLowerCase() === 'proxy-connection') continue
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          // undici takes the chunks apart; any other coding would be lost with the field.
          if (value.trim().toLowerCase() !== 'chunked') {
            throw new UpstreamBrokenError(
              'The environment answered in a transfer coding that it was not asked for',
            )
          }
          fields.chunked = true
          continue
        }
        break
      case 19:
        if (name.toLowerCase() === 'proxy-authorization') continue
        break
      case 22:
        if (!rules.allowServiceWorkerScope && name.toLowerCase() === 'service-worker-allowed') {
          narrowed =
            // Browsers join repeats, or choose one.
            workerScoped && context.ownPath !== ''
              ? { value: undefined, option: 'allowServiceWorkerScope' }
              : narrowServiceWorker(value, context.ownPath)
          workerScoped = true
        }
        break
      case 25:
        if (!rules.allowHstsSubDomains && name.toLowerCase() === 'strict-transport-security') {
          narrowed = narrowHsts(value)
        }
        break
      default:
    }
    if (narrowed) {
      context.restricted(name.toLowerCase(), narrowed)
      if (narrowed.value === undefined) continue
      value = narrowed.value
    }
    flat.push(name, value)
  }
  if (named)
    removeFrom(
      flat,
      named.filter((name) => name !== 'content-length'),
    )
  return fields
}

function isEventStream(contentType: string): boolean {
  return contentType.length >= 17 && contentType.slice(0, 17).toLowerCase() === 'text/event-stream'
}

/** Replaces the environment's own origin in a Location, and nothing that only begins like it. */
function rewriteLocation(value: string, own: OwnHost, publicUrl: string): string {
  const match = /^https?:\/\/([^/?#]*)/i.exec(value)
  if (!match || match[1]?.toLowerCase() !== own.authority) return value
  return publicUrl + value.slice(match[0].length)
}

// Fields that would change what the message means if they came after it (RFC 9110 §6.5.1).
const neverTrailers = new Set([
  'age',
  'authorization',
  'cache-control',
  'clear-site-data',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'expect',
  'expires',
  'host',
  'http2-settings',
  'keep-alive',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'retry-after',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'www-authenticate',
])

/** The trailers that may be relayed, as pairs. */
export function trailerFields(raw: readonly Buffer[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1')
    if (!neverTrailers.has(name.toLowerCase()))
      pairs.push([name, (raw[i + 1] as Buffer).toString('latin1')])
  }
  return pairs
}
