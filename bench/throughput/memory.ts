import { setTimeout as delay } from 'node:timers/promises'
import { type RunningGateway, startGateway, type Target } from '../gateways/index.ts'
import { type HeldConnections, openIdle, openWebSockets } from '../load/held-connections.ts'
import { startNodeUpstream } from '../load/node-upstream.ts'
import type { Bench } from './bench.ts'
import { cells, each, type Footprint, footprint } from './footprint.ts'
import { idleEnvironments } from './idle-environments.ts'
import type { Section } from './section.ts'

/** What a gateway needs for each. */
interface Memory {
  readonly gateway: string
  readonly idleConnection: Footprint
  /** `undefined`: it forwards none. */
  readonly webSocket: Footprint | undefined
}

const connectionCount = 1000
/** Those that forward WebSockets. */
const withWebSockets = [
  'alcove',
  'http-proxy',
  'http-proxy-middleware',
  'http-proxy-3',
  'httpxy',
  'nginx',
  'haproxy',
] as const
const without = ['fast-proxy', 'reply-from'] as const

/** What each idle connection and each open WebSocket costs, in a process of its own each, and what an environment does. */
export const memory: Section = {
  name: 'memory',
  async measure(bench) {
    await using upstream = await startNodeUpstream(bench.cores.load)
    const all: Memory[] = []
    for (const gateway of [...withWebSockets, ...without].filter((name) => bench.fleet.has(name))) {
      bench.progress(gateway)
      all.push(await measureGateway(bench, gateway, upstream.tcp))
    }
    const environment = await idleEnvironments(bench, upstream.tcp)
    return {
      title: `Memory of a gateway for each of ${connectionCount} connections, in KiB (heap after collections, and resident)`,
      table: {
        titles: ['', 'idle: heap', 'resident', 'WebSocket: heap', 'resident'],
        lines: [
          ...all.map(({ gateway, idleConnection, webSocket }) => [
            gateway,
            ...cells(idleConnection),
            ...cells(webSocket),
          ]),
          ...environment.map(({ what, footprint: its }) => [what, ...cells(its), '', '']),
        ],
      },
      verdicts: [],
      figures: { connections: all, environment },
    }
  },
}

async function measureGateway(
  { cores, signal }: Bench,
  name: (typeof withWebSockets)[number] | (typeof without)[number],
  upstream: Target,
): Promise<Memory> {
  await using gateway = await startGateway(name, { upstream, core: cores.gateways })
  const idle = (count: number): Promise<HeldConnections> => openIdle(gateway.port, count, signal)
  const idleConnection = await grown(gateway, idle)
  if (without.some((other) => other === name))
    return { gateway: name, idleConnection, webSocket: undefined }
  const webSocket = await grown(gateway, (count) => openWebSockets(gateway.port, count, signal))
  return { gateway: name, idleConnection, webSocket }
}

/** What a thousand of them cost, each. Some come before, so that what a process needs once is not counted. */
async function grown(
  gateway: RunningGateway,
  open: (count: number) => Promise<HeldConnections>,
): Promise<Footprint> {
  const first = await open(connectionCount / 4)
  await first.close()
  // Closed at this end; the gateway is to have noticed.
  await delay(500)
  const before = await footprint(gateway)
  const held = await open(connectionCount)
  try {
    const after = await footprint(gateway)
    const stillOpen = held.open()
    if (stillOpen < connectionCount) {
      throw new Error(`${gateway.name} closed ${connectionCount - stillOpen} connections meanwhile`)
    }
    return each(before, after, connectionCount)
  } finally {
    await held.close()
  }
}
