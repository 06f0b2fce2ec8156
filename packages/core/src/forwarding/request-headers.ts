import { BadRequestError, LoopDetectedError, quote } from '../errors.js'
import { connectionOptions, isNamedInVia, listHas, removeFrom } from './headers.js'
import { type Withholding, withoutCookies } from './withheld.js'

/** How the end of a request's body is told (RFC 9112 §6). */
export type Framing = 'none' | 'length' | 'chunked'

/** What one pass over a request's raw fields finds. */
export class RequestFields {
  /** End-to-end fields as name, value, name, value: original case and order, repeats separate. */
  readonly flat: string[] = []
  host: string | undefined
  framing: Framing = 'none'
  contentLength: string | undefined
  forwardedFor: string | undefined
  forwardedHost: string | undefined
  forwardedPort: string | undefined
  forwardedProto: string | undefined
  forwarded: string | undefined
  forwardedPrefix: string | undefined
  /** Whether Authorization came and was kept back. */
  authorizationWithheld = false
  /** The protocols that the client would like to change to. */
  upgrade: string | undefined
}

/**
 * Sorts the fields of a request: hop-by-hop ones go (RFC 9110 §7.6.1), end-to-end ones are kept as they are.
 *
 * @param raw - `request.rawHeaders`.
 * @param rules - What is kept back, and the pseudonym that Via must not carry yet.
 * @throws {@link BadRequestError} for fields that contradict each other
 * @throws {@link LoopDetectedError} where Via names this gateway
 */
export function requestFields(
  raw: readonly string[],
  rules: Withholding & { readonly gatewayName: string },
): RequestFields {
  const fields = new RequestFields()
  const { flat } = fields
  let named: string[] | undefined
  let authority: string | undefined
  let crumbsAt = -1
  let trailers = false
  const keepsCookies = rules.gatewayCookies.size > 0

  // Pseudo-headers come first, and only HTTP/2 has them (RFC 9113 §8.3).
  const http2 = raw[0]?.charCodeAt(0) === 0x3a

  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    if (http2 && name.charCodeAt(0) === 0x3a) {
      if (name === ':authority') authority = value
      continue
    }
    // The length rules most names out before anything is compared.
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'te') {
          trailers ||= listHas(value, 'trailers')
          continue
        }
        break
      case 3:
        if (name.toLowerCase() === 'via' && isNamedInVia(value, rules.gatewayName)) {
          throw new LoopDetectedError(
            'This request has been through this gateway before: the environment sends it back here',
          )
        }
        break
      case 4:
        if (name.toLowerCase() === 'host') {
          if (fields.host !== undefined)
            throw new BadRequestError('A request has one Host, not two')
          fields.host = value
          continue
        }
        break
      case 6:
        if (name.charCodeAt(0) === 0x65 || name.charCodeAt(0) === 0x45) {
          // Whoever received the request has answered the expectation already.
          if (name.toLowerCase() === 'expect') continue
        } else if (http2 ? name === 'cookie' : keepsCookies && name.toLowerCase() === 'cookie') {
          const kept = keepsCookies ? withoutCookies(value, rules.gatewayCookies) : value
          if (kept === undefined) continue
          // HTTP/2 may split Cookie into crumbs, which HTTP/1.1 has as one field (RFC 9113 §8.2.3).
          if (http2 && crumbsAt >= 0) {
            flat[crumbsAt] += `; ${kept}`
            continue
          }
          crumbsAt = flat.length + 1
          flat.push(name, kept)
          continue
        }
        break
      case 7: {
        const lower = name.toLowerCase()
        // No trailer can follow: undici sends none.
        if (lower === 'trailer') continue
        if (lower === 'upgrade') {
          fields.upgrade = fields.upgrade === undefined ? value : `${fields.upgrade}, ${value}`
          continue
        }
        break
      }
      case 9:
        if (name.toLowerCase() === 'forwarded') {
          fields.forwarded = joined(fields.forwarded, value)
          continue
        }
        break
      case 10: {
        const lower = name.toLowerCase()
        if (lower === 'keep-alive') continue
        if (lower === 'connection') {
          named = connectionOptions(value, named)
          continue
        }
        break
      }
      case 13:
        if (!rules.forwardAuthorization && name.toLowerCase() === 'authorization') {
          fields.authorizationWithheld = true
          continue
        }
        break
      case 14: {
        const lower = name.toLowerCase()
        if (lower === 'http2-settings') continue
        if (lower === 'content-length') {
          if (fields.contentLength !== undefined && fields.contentLength !== value) {
            throw new BadRequestError('A request has one Content-Length, not two')
          }
          fields.contentLength = value
          continue
        }
        break
      }
      case 15:
        if (name.toLowerCase() === 'x-forwarded-for') {
          fields.forwardedFor = joined(fields.forwardedFor, value)
          continue
        }
        break
      case 16: {
        const lower = name.toLowerCase()
        if (lower === 'proxy-connection') continue
        if (lower === 'x-forwarded-host') {
          fields.forwardedHost = joined(fields.forwardedHost, value)
          continue
        }
        if (lower === 'x-forwarded-port') {
          fields.forwardedPort = joined(fields.forwardedPort, value)
          continue
        }
        break
      }
      case 17: {
        const lower = name.toLowerCase()
        if (lower === 'transfer-encoding') {
          // Node.js takes the chunks apart; any other coding would be lost with the field (RFC 9112 §6.1).
          if (fields.framing === 'chunked' || value.trim().toLowerCase() !== 'chunked') {
            throw new BadRequestError(
              `The transfer coding ${quote(value)} is not supported, only "chunked" is`,
            )
          }
          fields.framing = 'chunked'
          continue
        }
        if (lower === 'x-forwarded-proto') {
          fields.forwardedProto = joined(fields.forwardedProto, value)
          continue
        }
        break
      }
      case 18:
        if (name.toLowerCase() === 'x-forwarded-prefix') {
          fields.forwardedPrefix = joined(fields.forwardedPrefix, value)
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

  // RFC 9113 §8.3.1: :authority wins over a Host beside it.
  if (authority !== undefined) fields.host = authority
  // RFC 9112 §6.1: chunks win over a length beside them.
  if (fields.framing === 'chunked') fields.contentLength = undefined
  else if (fields.contentLength !== undefined) fields.framing = 'length'
  if (named) removeNamed(fields, named)
  if (trailers) flat.push('te', 'trailers')
  return fields
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

// Host and the framing are out of reach: they are no entries of `flat`.
function removeNamed(fields: RequestFields, named: readonly string[]): void {
  removeFrom(fields.flat, named)
  for (const name of named) {
    if (name === 'x-forwarded-for') fields.forwardedFor = undefined
    else if (name === 'x-forwarded-host') fields.forwardedHost = undefined
    else if (name === 'x-forwarded-port') fields.forwardedPort = undefined
    else if (name === 'x-forwarded-proto') fields.forwardedProto = undefined
    else if (name === 'x-forwarded-prefix') fields.forwardedPrefix = undefined
    else if (name === 'forwarded') fields.forwarded = undefined
  }
}
