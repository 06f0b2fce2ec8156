import type { Target } from '../subject.ts'
import { nativePeer } from './native-peer.ts'
import type { Setup } from './orders.ts'

/**
 * HAProxy in HTTP mode, as its documentation of reverse proxies says. What is set, and why:
 * - an hour for the timeouts of client, server and tunnel: without them it warns, and with shorter ones it ends streams
 *   that are idle;
 * - option http-no-delay: small pieces of a stream are not held back;
 * - option abortonclose: it goes on asking for a client that has left otherwise;
 * - Upgrade is passed on for WebSockets alone: by default it tunnels whatever both sides agree on;
 * - http-reuse safe, and retries on failures to connect and on answers that end before they begin, which by its own
 *   rule are for requests that may be sent twice: it is told that those with other methods may not;
 * - X-Forwarded-* and Forwarded, which are extended where the client is trusted, and Via: it adds none by itself;
 * - a Retry-After for its 503, which is a page to be set;
 * - replace-header for the target's own address in Location and Set-Cookie: it rewrites nothing by itself.
 */
export const haproxy = nativePeer({
  name: 'HAProxy',
  fronts: ['http1', 'http2'],
  targets: ['tcp', 'unix'],
  versionArgument: '-v',
  arguments: (file) => ['-db', '-q', '-f', file],
  configure: ({ front, target, settings }, port) => `
global
  maxconn 512
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server ${settings.answerTimeoutMs === undefined ? '1h' : `${settings.answerTimeoutMs}ms`}
  timeout tunnel 1h
  timeout http-request 10s
  option http-no-delay
  option abortonclose
  http-reuse safe
  retries 1
  retry-on conn-failure empty-response
listen environment
  bind 127.0.0.1:${port}${front === 'http2' ? ' proto h2' : ''}
  http-request del-header Upgrade unless { req.hdr(upgrade) -i websocket } { req.hdr(connection) -m sub -i upgrade } { req.ver 1.1 }
  http-request disable-l7-retry unless METH_GET or { method OPTIONS PUT DELETE TRACE }
${forwardedFields(settings)}
${ownAddress(target)}
  http-request add-header Via "%[req.ver] haproxy"
  http-error status 503 content-type text/plain string "Not there" hdr Retry-After 1
  server environment ${address(target)}
`,
})

function address(target: Target): string {
  return target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix@${target.path}`
}

function forwardedFields({ trustClient = false }: Setup['settings']): string {
  const verb = trustClient ? 'add-header' : 'set-header'
  const unless = (name: string): string =>
    trustClient ? ` unless { req.hdr(${name}) -m found }` : ''
  return `
  http-request set-var(txn.port) str(80)
  http-request set-var(txn.port) hdr(host),regsub(^.*:,) if { hdr(host) -m reg :[0-9]+$ }
  http-request ${verb} X-Forwarded-For %[src]
  http-request ${verb} Forwarded 'for=%[src];proto=http;host="%[req.hdr(host)]"'
  http-request set-header X-Forwarded-Proto http${unless('x-forwarded-proto')}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]${unless('x-forwarded-host')}
  http-request set-header X-Forwarded-Port %[var(txn.port)]${unless('x-forwarded-port')}`
}

function ownAddress(target: Target): string {
  if (target.kind === 'unix') return ''
  const host = target.host.replaceAll('.', String.raw`\.`)
  return `
  http-response replace-header Location '^http://${host}:${target.port}(/.*)?$' '\\1'
  http-response replace-header Set-Cookie '^(.*); *[Dd]omain=${host}(;.*)?$' '\\1\\2'`
}
