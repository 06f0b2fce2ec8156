/** Where an instance answers. `dial`: its spawner opens each connection (a port-forward). */
export type Endpoint = (
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'dial' }
) & { readonly tls?: EndpointTls }

/** How an endpoint is reached over TLS. */
export interface EndpointTls {
  /** The name that its certificate has to carry, also sent as SNI. */
  readonly serverName: string
  /** The name of a secret that holds the certificate authority and client certificate. */
  readonly secret?: string
}

/**
 * The longest path of a Unix socket that every platform takes whole: `sun_path` has 104 bytes on macOS and the BSDs, one of
 * them for the NUL. Node.js 22 silently cuts a longer one, and the cut path may be another environment's.
 */
export const maxSocketPathBytes = 103

/** Whether two endpoints lead to the same place in the same way. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a === b || endpointKey(a) === endpointKey(b)
}

/** A string that is equal for equal endpoints. */
function endpointKey(endpoint: Endpoint): string {
  const tls = endpoint.tls ? `tls:${endpoint.tls.serverName}:${endpoint.tls.secret ?? ''}:` : ''
  return tls + describeEndpoint(endpoint)
}

/** Host and port as a URL has them: an IPv6 address is in brackets (RFC 3986 §3.2.2). */
export function authorityOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** For messages: `127.0.0.1:3000`, `[::1]:3000`, or the path of a socket. */
export function describeEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return authorityOf(endpoint.host, endpoint.port)
    case 'unix':
      return endpoint.path
    case 'dial':
      return 'a connection through its spawner'
  }
}
