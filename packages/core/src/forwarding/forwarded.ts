import { isIPv6 } from 'node:net'
import type { RequestFields } from './request-headers.js'

/** Where a request came in. */
export interface Origin {
  /** Without zone, IPv4 as IPv4; `undefined` for a Unix socket. */
  readonly remoteAddress: string | undefined
  readonly encrypted: boolean
  readonly localPort: number | undefined
  /** Whether the peer may say for whom it asks. */
  readonly trusted: boolean
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

/** Adds X-Forwarded-* and Forwarded: what came is replaced, or extended where the peer is trusted. */
export function addForwarded(fields: RequestFields, origin: Origin): void {
  const { flat, host } = fields
  const { remoteAddress, encrypted, trusted } = origin
  const proto = encrypted ? 'https' : 'http'
  const port =
    (host === undefined ? undefined : portOfHost(host)) ??
    (host ? (encrypted ? '443' : '80') : origin.localPort)

  add(flat, 'X-Forwarded-For', trusted ? fields.forwardedFor : undefined, remoteAddress)
  add(flat, 'X-Forwarded-Proto', trusted ? fields.forwardedProto : undefined, proto)
  add(flat, 'X-Forwarded-Host', trusted ? fields.forwardedHost : undefined, host || undefined)
  add(flat, 'X-Forwarded-Port', trusted ? fields.forwardedPort : undefined, port?.toString())
  add(
    flat,
    'Forwarded',
    trusted ? fields.forwarded : undefined,
    forwardedElement(remoteAddress, host, proto),
  )
}

function add(
  flat: string[],
  name: string,
  before: string | undefined,
  own: string | undefined,
): void {
  if (own === undefined) {
    if (before !== undefined) flat.push(name, before)
  } else {
    flat.push(name, before === undefined || before === '' ? own : `${before}, ${own}`)
  }
}

// RFC 9110 §5.6.2; a value that is no token has to be quoted (RFC 7239 §4), such as `[::1]` or a host with a port.
const token = /^[!#$%&'*+.^_`|~\w-]+$/

/** One element of Forwarded (RFC 7239 §4, §6). */
function forwardedElement(
  address: string | undefined,
  host: string | undefined,
  proto: 'http' | 'https',
): string {
  const by = address === undefined ? 'unknown' : isIPv6(address) ? `"[${address}]"` : address
  return host ? `for=${by};host=${quoted(host)};proto=${proto}` : `for=${by};proto=${proto}`
}

function quoted(value: string): string {
  return token.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
