import { UpstreamBrokenError } from '../errors.js'
import { connectionOptions, removeFrom } from './headers.js'

/** What one pass over an answer's raw fields finds. */
export class ResponseFields {
  /** End-to-end fields as name, value, name, value: original case and order, repeats separate. */
  readonly flat: string[] = []
  /** The declared length, -1 where there is none. */
  contentLength = -1
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

/**
 * Sorts the fields of an answer: hop-by-hop ones go (RFC 9110 §7.6.1), end-to-end ones are kept as they are, byte for byte.
 *
 * @param raw - Name, value, name, value, as received.
 * @param own - Where given, Location and the Domain of cookies are freed of it.
 * @param client - Whose view of this server Location has instead: `https://pr-42.dev.example.com`.
 * @throws {@link UpstreamBrokenError} for a transfer coding that nobody asked for
 */
export function responseFields(
  raw: readonly Buffer[],
  own: OwnHost | undefined,
  client: { readonly publicOrigin: string } | undefined,
): ResponseFields {
  const fields = new ResponseFields()
  const { flat } = fields
  let named: string[] | undefined

  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1')
    let value = (raw[i + 1] as Buffer).toString('latin1')
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
        if (own && client && name.toLowerCase() === 'location') {
          value = rewriteLocation(value, own, client.publicOrigin)
        }
        break
      case 10: {
        const lower = name.toLowerCase()
        if (lower === 'keep-alive') continue
        if (lower === 'connection') {
          named = connectionOptions(value, named)
          continue
        }
        if (own && lower === 'set-cookie') value = rewriteCookieDomain(value, own)
        break
      }
      case 12:
        if (name.toLowerCase() === 'content-type') fields.eventStream = isEventStream(value)
        break
      case 14:
        if (name.toLowerCase() === 'content-length') fields.contentLength = Number(value)
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
          continue
        }
        break
      case 19:
        if (name.toLowerCase() === 'proxy-authorization') continue
        break
      default:
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
function rewriteLocation(value: string, own: OwnHost, publicOrigin: string): string {
  const match = /^https?:\/\/([^/?#]*)/i.exec(value)
  if (!match || match[1]?.toLowerCase() !== own.authority) return value
  return publicOrigin + value.slice(match[0].length)
}

/** Drops a cookie's Domain where it is the environment's own host: the gateway's host is meant. */
function rewriteCookieDomain(value: string, own: OwnHost): string {
  return value.replace(/;[\t ]*domain[\t ]*=[\t ]*([^;]*)/gi, (attribute, domain: string) => {
    const bare = domain.trim().toLowerCase()
    return bare === own.hostname || bare === `.${own.hostname}` ? '' : attribute
  })
}

// Fields that would change what the message means if they came after it (RFC 9110 §6.5.1).
const neverTrailers = new Set([
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'location',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
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
