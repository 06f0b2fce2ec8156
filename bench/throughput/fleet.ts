import {
  type GatewayName,
  gatewayNames,
  type RunningGateway,
  startGateway,
} from '../gateways/index.ts'
import { checkAnswers } from '../load/answers.ts'
import type { Cores } from '../load/cores.ts'
import type { Upstream } from '../load/upstream.ts'

/** The same gateway twice: what differs between the two is chance. */
export const twin = 'alcove again'
/** In front of the upstream's Unix socket. */
export const socketGateway = 'alcove, Unix socket'

/** All gateways, up at once, by the names of their rows. */
export type Fleet = ReadonlyMap<string, RunningGateway> & AsyncDisposable

/** Starts them all, and shows that each answers right. @throws where one does not, once all are ended */
export async function startFleet(
  cores: Cores,
  upstream: Upstream,
  chosen: readonly GatewayName[] = gatewayNames,
): Promise<Fleet> {
  await using started = new AsyncDisposableStack()
  const fleet = new Map<string, RunningGateway>()
  const start = async (row: string, name: GatewayName, { unix = false } = {}): Promise<void> => {
    const to = unix ? upstream.unix : upstream.tcp
    const gateway = started.use(await startGateway(name, { upstream: to, core: cores.gateways }))
    await checkAnswers(row, gateway.port)
    fleet.set(row, gateway)
  }
  for (const name of chosen) {
    await start(name, name)
    if (name !== 'alcove') continue
    await start(twin, name)
    await start(socketGateway, name, { unix: true })
  }
  const all = started.move()
  return Object.assign(fleet, { [Symbol.asyncDispose]: () => all.disposeAsync() })
}
