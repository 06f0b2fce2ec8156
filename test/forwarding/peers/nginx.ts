import type { Target } from '../subject.ts'
import { nativePeer } from './native-peer.ts'
import type { Setup } from './orders.ts'

/**
 * nginx, as its documentation of reverse proxies and of WebSockets says. What is set, and why:
 * - proxy_http_version 1.1 and an upstream with keepalive: it speaks HTTP/1.0 to the target otherwise, without chunks,
 *   upgrades, or a connection that is used again (max_fails 0, so that one failure does not shut the target out);
 * - no buffering of requests and answers: streams would be held back; room for heads of 64 KiB;
 * - client_max_body_size 0: it refuses more than 1 MiB otherwise; an hour for the timeouts: a minute ends idle streams;
 * - Upgrade and Connection from maps: passed on for WebSockets alone, empty otherwise;
 * - X-Forwarded-* as in its examples, or extended where the client is trusted, Forwarded as in its wiki, Via: it adds
 *   none by itself;
 * - Host as the client wrote it, and its own where there is none: by default it writes the target's;
 * - merge_slashes off, names with underscores, and names that it calls invalid: dropped otherwise;
 * - Server and Date of the target are passed on, its X-Accel-* are not obeyed;
 * - proxy_redirect and proxy_cookie_domain for the target's own address: by default they know that of the upstream
 *   (absolute_redirect off, since it would write its own port into what has none).
 */
export const nginx = nativePeer({
  name: 'nginx',
  fronts: ['http1', 'http2'],
  targets: ['tcp', 'unix'],
  versionArgument: '-v',
  arguments: (file, folder) => ['-p', folder, '-e', 'stderr', '-c', file],
  configure: ({ front, target, settings }, port, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map "$server_protocol|$http_connection|$http_upgrade" $upgrade {
    default "";
    "~*^HTTP/1\\.1\\|.*upgrade.*\\|websocket$" $http_upgrade;
  }
  map $upgrade $connection_upgrade { default upgrade; "" ""; }
  map $http_via $via { default "$http_via, $server_protocol nginx"; "" "$server_protocol nginx"; }
  map $http_host $asked_host { default $http_host; "" $host; }
  map $http_host $asked_port { default 80; "~:(?<digits>[0-9]+)$" $digits; }
${forwardedMaps(settings)}
  upstream environment { server ${address(target)} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port}${front === 'http2' ? ' http2' : ''};
    server_name environment;
    client_max_body_size 0;
    merge_slashes off;
    underscores_in_headers on;
    ignore_invalid_headers off;
    keepalive_timeout 1h;
    absolute_redirect off;
    large_client_header_buffers 8 64k;
    location / {
      proxy_pass http://environment;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_connect_timeout 5s;
      proxy_read_timeout ${settings.answerTimeoutMs === undefined ? '1h' : `${settings.answerTimeoutMs}ms`};
      proxy_send_timeout 1h;
${ownAddress(target)}
      proxy_pass_header Server;
      proxy_pass_header Date;
      proxy_pass_header X-Accel-Redirect;
      proxy_pass_header X-Accel-Expires;
      proxy_pass_header X-Accel-Buffering;
      proxy_pass_header X-Accel-Charset;
      proxy_pass_header X-Accel-Limit-Rate;
      proxy_pass_header X-Pad;
      proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Buffering X-Accel-Charset X-Accel-Limit-Rate;
      proxy_set_header Host $asked_host;
      proxy_set_header Upgrade $upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Via $via;
      proxy_set_header X-Forwarded-For $forwarded_for;
      proxy_set_header X-Forwarded-Proto $forwarded_proto;
      proxy_set_header X-Forwarded-Host $forwarded_host;
      proxy_set_header X-Forwarded-Port $forwarded_port;
      proxy_set_header Forwarded $forwarded;
    }
  }
}
`,
})

function address(target: Target): string {
  return target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix:${target.path}`
}

function ownAddress(target: Target): string {
  if (target.kind === 'unix') return '      proxy_redirect off;'
  return `
      proxy_redirect http://${target.host}:${target.port}/ /;
      proxy_cookie_domain ${target.host} $host;`
}

/** What each field says: what the proxy knows, or what a client that is trusted said before. */
function forwardedMaps({ trustClient = false }: Setup['settings']): string {
  const element = 'for=$remote_addr;proto=$scheme;host=\\"$http_host\\"'
  const maps = [
    ['$http_x_forwarded_proto', '$forwarded_proto', '$scheme', '$http_x_forwarded_proto'],
    ['$http_x_forwarded_host', '$forwarded_host', '$http_host', '$http_x_forwarded_host'],
    ['$http_x_forwarded_port', '$forwarded_port', '$asked_port', '$http_x_forwarded_port'],
    ['$http_x_forwarded_for', '$forwarded_for', '$remote_addr', '$proxy_add_x_forwarded_for'],
    ['$http_forwarded', '$forwarded', element, `$http_forwarded, ${element}`],
  ] as const
  return maps
    .map(
      ([told, name, own, extended]) =>
        `  map ${told} ${name} { default "${trustClient ? extended : own}"; "" "${own}"; }`,
    )
    .join('\n')
}
