import type { Target } from '../subject.ts'
import { nativePeer } from './native-peer.ts'

/**
 * Caddy with its reverse_proxy, which is set up for WebSockets and X-Forwarded-* by itself. What is set, and why:
 * - Upgrade is passed on for WebSockets alone: by default it tunnels whatever both sides agree on;
 * - flush_interval 1ms: parts of an answer of known length are held back otherwise, and with -1 it goes on asking for a
 *   client that has left;
 * - transport http without compression: it would ask for gzip where the client did not, and unpack it; heads of answers
 *   of up to 64 KB, not 10 MB;
 * - trusted_proxies where the client is trusted: it replaces X-Forwarded-* otherwise;
 * - X-Forwarded-Port, Forwarded and Via: it adds none by itself;
 * - header_down for the target's own address in Location and Set-Cookie: it rewrites nothing by itself;
 * - protocols with h2c for HTTP/2 without TLS; no admin interface and no certificates.
 */
export const caddy = nativePeer({
  name: 'Caddy',
  fronts: ['http1', 'http2'],
  targets: ['tcp', 'unix'],
  versionArgument: 'version',
  arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  configure: (
    { front, target, settings: { trustClient = false, answerTimeoutMs } },
    port,
    folder,
  ) => `
{
  admin off
  auto_https off
  storage file_system ${folder}/storage
  log {
    level ERROR
  }
  servers {
    protocols h1${front === 'http2' ? ' h2 h2c' : ''}
  }
}
http://:${port} {
  bind 127.0.0.1
  map {http.request.port} {asked_port} {
    "" 80
    default {http.request.port}
  }
  map {http.request.header.X-Forwarded-Port} {forwarded_port} {
    "" {asked_port}
    default ${trustClient ? '{http.request.header.X-Forwarded-Port}' : '{asked_port}'}
  }
  @wish not {
    header_regexp Upgrade (?i)^websocket$
    header_regexp Connection (?i)upgrade
    protocol http/1.1
  }
  request_header @wish -Upgrade
  reverse_proxy ${target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix/${target.path}`} {
    ${trustClient ? 'trusted_proxies 127.0.0.1/32' : ''}
    header_up X-Forwarded-Port {forwarded_port}
    header_up ${trustClient ? '+' : ''}Forwarded "for={http.request.remote.host};proto={http.request.scheme};host=\\"{http.request.hostport}\\""
    header_up +Via "{http.request.proto} caddy"
${ownAddress(target)}
    flush_interval 1ms
    transport http {
      compression off
      max_response_header 64KB
      dial_timeout 5s
      ${answerTimeoutMs === undefined ? '' : `response_header_timeout ${answerTimeoutMs}ms`}
    }
  }
}
`,
})

function ownAddress(target: Target): string {
  if (target.kind === 'unix') return ''
  const host = target.host.replaceAll('.', String.raw`\.`)
  return `
    header_down Location ^http://${host}:${target.port}(/.*)?$ $1
    header_down Set-Cookie "(?i); *domain=${host}(;|$)" $1`
}
