import type { GatewaySetup, Target } from './gateway.ts'
import { type RunningProgram, startNative } from './native-program.ts'

/** What every nginx here has, as a gateway and as an upstream: one process, no logs, connections that are kept for good. */
export const nginxHead = (folder: string): string => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
`

export const nginxWords = (file: string, folder: string): readonly string[] => [
  '-p',
  folder,
  '-e',
  'stderr',
  '-c',
  file,
]

/**
 * nginx as a reverse proxy, for speed: kept connections for more clients than there are, buffers in memory for the largest
 * answer (and never a file), X-Forwarded-* as in its documentation, WebSockets too.
 */
export function startNginx({ upstream, core }: GatewaySetup): Promise<RunningProgram> {
  return startNative({
    program: 'nginx',
    core,
    words: nginxWords,
    configure: (port, folder) => `${nginxHead(folder)}
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream environment {
    server ${address(upstream)} max_fails=0;
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://environment;
      proxy_http_version 1.1;
      proxy_buffers 16 16k;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 1h;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
    }
  }
}
`,
  })
}

const address = (target: Target): string =>
  target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix:${target.path}`
