import { isIPv6 } from 'node:net'
import type { RequestFields } from './request-headers.js'

/** Where requests come in: one for each connection, since nothing of it changes between them. */
export class Origin {
  #host: string | undefined
  #ownFields: readonly string[] | undefined

  constructor(
    /** Without zone, IPv4 as IPv4; `undefined` for a Unix socket. */
    readonly remoteAddress: string | undefined,
    readonly encrypted: boolean,
    readonly localPort: number | undefined,
    /** Whether the peer may say for whom it asks. */
    readonly trusted: boolean,
  ) {}

  /** X-Forwarded-* and Forwarded for requests to a host, as name, value, name, value; `''` where there is nothing to say. */
  ownFields(host: string | undefined): readonly string[] {
    // Requests on one connection nearly always name the same host.
    if (this.#ownFields && this.#host === host) return this.#ownFields
    const { remoteAddress = '', encrypted, localPort } = this
    const proto = encrypted ? 'https' : 'http'
    const port = host
      ? (portOfHost(host) ?? (encrypted ? '443' : '80'))
      : (localPort?.toString() ?? '')
    this.#host = host
    this.#ownFields = [
      'X-Forwarded-For',
      remoteAddress,
      'X-Forwarded-Proto',
      proto,
      'X-Forwarded-Host',
      host ?? '',
      'X-Forwarded-Port',
      port,
      'Forwarded',
      forwardedElement(remoteAddress, host, proto),
    ]
    return this.#ownFields
  }
}

/** An address as other programs want it: no zone, no IPv4 in the clothes of IPv6. */
export function plainAddress(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

/** The port that a Host field names: `8080` for `[::1]:8080`. */
function portOfHost(host: string): string | undefined {
  const colon = host.lastIndexOf(':')
  if (colon < 0 || host.indexOf(']', colon) >= 0) return undefined
  const port = host.slice(colon + 1)
  return /^\d{1,5}$/.test(port) ? port : undefined
}

/**
 * Adds X-Forwarded-* and Forwarded: what came is replaced, or extended where the peer is trusted.
 *
 * @param prefix - What was taken off the front of the client's path.
 * @param adds - `false`: says nothing of its own, and passes on what a trusted peer has said.
 */
export function addForwarded(
  fields: RequestFields,
  origin: Origin,
  prefix: string,
  adds: boolean,
): void {
  const { flat } = fields
  const told = origin.trusted ? fields.forwardedPrefix : undefined
  const wholePrefix = adds ? (told ?? '') + prefix : told
  if (wholePrefix) flat.push('X-Forwarded-Prefix', wholePrefix)
  const own = adds ? origin.ownFields(fields.host) : nothingToSay
  for (let i = 0; i < own.length; i += 2) {
    const name = own[i] as string
    const value = own[i + 1] as string
    const before = origin.trusted ? toldBefore(fields, name) : undefined
    if (before && value) flat.push(name, `${before}, ${value}`)
    else if (before || value) flat.push(name, before || value)
  }
}

const nothingToSay: readonly string[] = [
  'X-Forwarded-For',
  '',
  'X-Forwarded-Proto',
  '',
  'X-Forwarded-Host',
  '',
  'X-Forwarded-Port',
  '',
  'Forwarded',
  '',
]

function toldBefore(fields: RequestFields, name: string): string | undefined {
  switch (name) {
    case 'X-Forwarded-For':
      return fields.forwardedFor
    case 'X-Forwarded-Proto':
      return fields.forwardedProto
    case 'X-Forwarded-Host':
      return fields.forwardedHost
    case 'X-Forwarded-Port':
      return fields.forwardedPort
    default:
      return fields.forwarded
  }
}

// RFC 9110 §5.6.2; a value that is no token has to be quoted (RFC 7239 §4), such as `[::1]` or a host with a port.
const token = /^[!#$%&'*+.^_`|~\w-]+$/

/** One element of Forwarded (RFC 7239 §4, §6). */
function forwardedElement(
  address: string,
  host: string | undefined,
  proto: 'http' | 'https',
): string {
  const by = address === '' ? 'unknown' : isIPv6(address) ? `"[${address}]"` : address
  return host ? `for=${by};host=${quoted(host)};proto=${proto}` : `for=${by};proto=${proto}`
}

function quoted(value: string): string {
  return token.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
