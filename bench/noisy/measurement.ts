import { setTimeout as delay } from 'node:timers/promises'
import { flooded, quiet } from './environments.ts'
import { type FloodCounts, okPerSecond } from './floods/flood.ts'
import { capacityFlood, type FloodKind } from './floods/index.ts'
import type { GatewayName, Gateways, RunningGateway } from './gateways.ts'
import type { Answered } from './held-rate.ts'
import type { HeldRateClient } from './held-rate-client.ts'
import type { Phase } from './plan.ts'
import { isCalm } from './calm.ts'

/** What one phase of one round has shown. */
export interface Chunk {
  readonly quiet: Answered
  /** Normal requests to the environment that is attacked. */
  readonly attacked?: Answered
  readonly flood?: FloodCounts
  /** What the gateway's capacity was taken for, in requests a second. */
  readonly capacity?: number
  /** Whether the gateway answered at once again within 5 s afterwards; it was started again where not. */
  readonly recovered: boolean
}

/** All that runs while it is measured. */
export interface Bench {
  readonly gateways: Gateways
  /** One for the quiet environment, one for normal requests to the attacked one. */
  readonly clients: { readonly quiet: HeldRateClient; readonly attacked: HeldRateClient }
  readonly quietPerSecond: number
}

/** As somebody would ask it who works with it. */
const attackedPerSecond = 10
const warmUpMs = 1500

/** Measures phases of one flood, and keeps in mind what each gateway can do. */
export class Measurement {
  readonly #bench: Bench
  readonly #kind: FloodKind
  readonly #capacities = new Map<GatewayName, number>()

  constructor(bench: Bench, kind: FloodKind) {
    this.#bench = bench
    this.#kind = kind
  }

  async phase(phase: Phase, samples: number): Promise<Chunk> {
    const measured = await this.#measure(phase, samples)
    // At once: what is left over is not to meet the next one.
    return { ...measured, recovered: await this.#recover(phase.gateway) }
  }

  async #measure(
    { gateway: name, flood, quiet: way }: Phase,
    samples: number,
  ): Promise<Omit<Chunk, 'recovered'>> {
    const { gateways, clients, quietPerSecond } = this.#bench
    const { port, routes } = gateways.get(name)
    const quietPort = way === 'directly' ? (routes.get(quiet) ?? 0) : port
    await clients.quiet.open({ port: quietPort, environment: quiet, connections: 32 })
    const ask = (): Promise<Answered> =>
      clients.quiet.ask({ perSecond: quietPerSecond, count: samples })
    if (flood === 'none') return { quiet: await ask() }

    const capacity = this.#capacities.get(name) ?? 0
    const kind = flood === 'the flood' ? this.#kind : capacityFlood
    if (kind.isSlow) {
      await clients.attacked.open({ port, environment: flooded, connections: 4 })
    }
    await using running = await kind.start(port, capacity)
    const stopAsking = kind.isSlow ? clients.attacked.keepAsking(attackedPerSecond) : undefined
    await delay(kind.settleMs)
    const answered = await ask()
    const attacked = await stopAsking?.()
    const counts = await running.stop()
    if (flood === 'for capacity') this.#capacities.set(name, okPerSecond([counts]))
    return { quiet: answered, flood: counts, ...(attacked && { attacked }), capacity }
  }

  /** Resolves when a gateway has nothing left from before; to whether it came to that by itself. */
  async #recover(name: GatewayName): Promise<boolean> {
    const { gateways } = this.#bench
    if (await isCalm(gateways.get(name))) return true
    await gateways.restart(name)
    await warmUp(gateways.get(name))
    if (await isCalm(gateways.get(name))) return false
    throw new Error(`${name} does not answer at once, although it has nothing to do.`)
  }
}

/** What is compiled after some thousands of requests is not to be measured. */
export async function warmUp({ port }: RunningGateway): Promise<void> {
  await using flood = await capacityFlood.start(port, 0)
  await delay(warmUpMs)
  await flood.stop()
}
