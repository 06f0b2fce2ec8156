import type { Target } from '../subject.ts'
import { nativePeer } from './native-peer.ts'
import type { Setup } from './orders.ts'

/**
 * nginx, as its documentation of reverse proxies and of WebSockets says. What is set, and why:
 * - proxy_http_version 1.1 and an upstream with keepalive: it speaks HTTP/1.0 to the target otherwise, without chunks,
 *   upgrades, or a connection that is used again (max_fails 0, so that one failure does not shut the target out);
 * - no buffering of requests and answers: streams would be held back;
 * - client_max_body_size 0: it refuses more than 1 MiB otherwise; an hour for the timeouts: a minute ends idle streams;
 * - Upgrade and Connection from a map: passed on for WebSockets alone, empty otherwise;
 * - X-Forwarded-* with the fields of its examples, or extended where the client is trusted, Forwarded by the recipe of
 *   its wiki, Via: it adds none by itself;
 * - Host as the client wrote it: by default it writes the target's;
 * - merge_slashes off, names with underscores, and names that it calls invalid: dropped otherwise;
 * - Server and Date of the target are passed on, its X-Accel-* are not obeyed;
 * - proxy_redirect off: it would look for the name of the upstream, which the target does not know of.
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
  map $http_upgrade $upgrade { default ""; "~*^websocket$" $http_upgrade; }
  map $upgrade $connection_upgrade { default upgrade; "" ""; }
  map $remote_addr $forwarded_element {
    ~^[0-9.]+$ "for=$remote_addr";
    ~^[0-9A-Fa-f:.]+$ "for=\\"[$remote_addr]\\"";
    default "for=unknown";
  }
  map $http_via $via { default "$http_via, 1.1 nginx"; "" "1.1 nginx"; }
  upstream environment { server ${address(target)} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port}${front === 'http2' ? ' http2' : ''};
    client_max_body_size 0;
    merge_slashes off;
    underscores_in_headers on;
    ignore_invalid_headers off;
    keepalive_timeout 1h;
    location / {
      proxy_pass http://environment;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_connect_timeout 5s;
      proxy_read_timeout ${settings.answerTimeoutMs === undefined ? '1h' : `${settings.answerTimeoutMs}ms`};
      proxy_send_timeout 1h;
      proxy_redirect off;
      proxy_pass_header Server;
      proxy_pass_header Date;
      proxy_pass_header X-Accel-Redirect;
      proxy_pass_header X-Accel-Expires;
      proxy_pass_header X-Accel-Buffering;
      proxy_pass_header X-Accel-Charset;
      proxy_pass_header X-Accel-Limit-Rate;
      proxy_pass_header X-Pad;
      proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Buffering X-Accel-Charset X-Accel-Limit-Rate;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Via $via;
${forwardedFields(settings)}
    }
  }
}
`,
})

function address(target: Target): string {
  return target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix:${target.path}`
}

function forwardedFields({ trustClient = false }: Setup['settings']): string {
  const element = '"$forwarded_element;proto=$scheme;host=\\"$http_host\\""'
  return `
      proxy_set_header X-Forwarded-For ${trustClient ? '$proxy_add_x_forwarded_for' : '$remote_addr'};
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header Forwarded ${trustClient ? `"$http_forwarded, $forwarded_element"` : element};`
}
