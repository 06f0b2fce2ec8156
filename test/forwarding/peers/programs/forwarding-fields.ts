import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Settings } from '../../subject.ts'

/**
 * Drops what a client says about itself, before a peer sees it.
 *
 * None of the peers in Node.js has an option for clients that are not trusted: each appends to what is there, or passes
 * it on. A host that knows would do this one line itself.
 */
export function dropUntrusted(
  { headers }: IncomingMessage | Http2ServerRequest,
  { trustClient = false }: Settings,
): void {
  if (trustClient) return
  for (const name of Object.keys(headers)) {
    if (name.startsWith('x-forwarded-') || name === 'forwarded') delete headers[name]
  }
}

/** For the peers that write the target into Host and add no X-Forwarded-*, but have a hook in which a host can. */
export function reverseProxyFields(
  { headers: asked, socket }: IncomingMessage | Http2ServerRequest,
  headers: IncomingHttpHeaders,
): IncomingHttpHeaders {
  const host = String(asked[':authority'] ?? asked.host ?? '')
  return {
    ...headers,
    host,
    'x-forwarded-for': [headers['x-forwarded-for'], socket.remoteAddress]
      .filter(Boolean)
      .join(', '),
    'x-forwarded-proto': headers['x-forwarded-proto'] ?? 'http',
    'x-forwarded-host': asked['x-forwarded-host'] ?? host,
    'x-forwarded-port':
      headers['x-forwarded-port'] ?? /:(?<port>\d+)$/.exec(host)?.groups?.['port'] ?? '80',
  }
}
