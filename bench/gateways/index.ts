import type { GatewaySetup, RunningGateway } from './gateway.ts'
import { startHaproxy } from './haproxy.ts'
import type { RunningProgram } from './native-program.ts'
import { startNginx } from './nginx.ts'
import { startNodeGateway } from './node-gateway.ts'

export type { GatewaySetup, RunningGateway, Target } from './gateway.ts'

/** All gateways that can be measured. How each is set up, and why so, is written in its own file. */
export const gatewayNames = [
  'alcove',
  'alcove-express',
  'alcove-koa',
  'http-proxy',
  'http-proxy-middleware',
  'http-proxy-3',
  'httpxy',
  'fast-proxy',
  'reply-from',
  'nginx',
  'haproxy',
] as const

export type GatewayName = (typeof gatewayNames)[number]

/** Whether it is no program of Node.js. */
export function isNative(name: GatewayName): boolean {
  return name === 'nginx' || name === 'haproxy'
}

/**
 * Starts a gateway in front of an upstream, in a process of its own. It forwards what has the header `x-env-id: bench`; the
 * peers, who know no environments, forward everything.
 *
 * @throws where it does not start: it, or a program, is not installed.
 */
export async function startGateway(
  name: GatewayName,
  setup: GatewaySetup,
): Promise<RunningGateway> {
  if (name === 'nginx') return native(name, await startNginx(setup))
  if (name === 'haproxy') return native(name, await startHaproxy(setup))
  return startNodeGateway(name, setup)
}

function native(name: string, { port, pid, close }: RunningProgram): RunningGateway {
  const heapBytes = async (): Promise<undefined> => {}
  return { name, port, pid, heapBytes, close, [Symbol.asyncDispose]: close }
}
