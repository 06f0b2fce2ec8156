import type { GatewaySetup, Target } from './gateway.ts'
import { type RunningProgram, startNative } from './native-program.ts'

/** HAProxy in HTTP mode, for speed: one thread, connections shared among clients from their first request on, X-Forwarded-*. */
export function startHaproxy({ upstream, core }: GatewaySetup): Promise<RunningProgram> {
  return startNative({
    program: 'haproxy',
    core,
    words: (file) => ['-db', '-q', '-f', file],
    configure: (port) => `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  option http-no-delay
  http-reuse always
listen environment
  bind 127.0.0.1:${port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  server environment ${address(upstream)} pool-purge-delay 1h
`,
  })
}

const address = (target: Target): string =>
  target.kind === 'tcp' ? `${target.host}:${target.port}` : `unix@${target.path}`
