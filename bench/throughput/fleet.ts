import { type GatewayName, isNative, type RunningGateway, startGateway } from '../gateways/index.ts'
import { checkAnswers } from '../load/answers.ts'
import type { Cores } from '../load/cores.ts'
import type { Upstream } from '../load/upstream.ts'

/** The same gateway twice: what differs between the two is chance. */
export const twin = 'alcove again'
/** In front of the upstream's Unix socket. */
export const socketGateway = 'alcove, Unix socket'

/**
 * Processes of a gateway in Node.js. What V8 has come to compile, and how, makes two processes of one program differ by some
 * hundredths for good: each has its turn, and a row's median is of all.
 */
export const processesEach = (isQuick: boolean): number => (isQuick ? 1 : 4)

/** Whose turn it is. */
export function inTurn(processes: readonly RunningGateway[], round: number): RunningGateway {
  const process = processes[round % processes.length]
  if (process === undefined) throw new Error('A gateway without a process has no turn')
  return process
}

/** All gateways, up at once, by the names of their rows; each may be several processes, which take turns. */
export type Fleet = ReadonlyMap<string, readonly RunningGateway[]> & AsyncDisposable

/** Starts them all, and shows that each answers right. @throws where one does not, once all are ended */
export async function startFleet(
  cores: Cores,
  upstream: Upstream,
  chosen: readonly GatewayName[],
  processes: number,
): Promise<Fleet> {
  await using started = new AsyncDisposableStack()
  const fleet = new Map<string, readonly RunningGateway[]>()
  const start = async (row: string, name: GatewayName, { unix = false } = {}): Promise<void> => {
    const to = unix ? upstream.unix : upstream.tcp
    const all: RunningGateway[] = []
    // What is compiled once and for all is the same each time.
    const count = isNative(name) ? 1 : processes
    while (all.length < count) {
      const gateway = started.use(await startGateway(name, { upstream: to, core: cores.gateways }))
      await checkAnswers(row, gateway.port)
      all.push(gateway)
    }
    fleet.set(row, all)
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
