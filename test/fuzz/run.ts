import { Patience } from './patience.ts'
import { probe } from './scenario/probe.ts'
import { ProcessWatch } from './gateway/process-watch.ts'
import { Violated } from './record.ts'
import type { Scenario, Visit } from './scenario/scenario.ts'
import { forgetStamps } from './wire/stamp.ts'
import { Stage } from './gateway/stage.ts'
import { type Counts, TimerWatch, grown, listeners, resources } from './gateway/traces.ts'
import { UpstreamWatch } from './gateway/upstream-watch.ts'
import { verdict } from './verdict.ts'

/**
 * Plays a scenario on a gateway of its own.
 *
 * @param patienceMs - How long nothing may happen before it counts as stuck, and how long what is over may take to go.
 * @returns what was wrong
 */
export async function run(scenario: Scenario, patienceMs: number): Promise<readonly string[]> {
  forgetStamps()
  using watch = new ProcessWatch()
  using upstream = new UpstreamWatch()
  using timers = new TimerWatch()
  const before = { resources: resources(), process: listeners(process) }
  const stage = await Stage.open(scenario.front)
  const patience = new Patience(stage.ledger, patienceMs)
  const play = new Play(stage, upstream, timers, patience)
  try {
    await play.all(scenario)
  } catch (error) {
    if (!(error instanceof Violated)) throw error
  } finally {
    await stage.close()
  }
  await patience.until(() => [
    ...grown('Left in the process', before.resources, resources()),
    ...grown('Listeners of the process', before.process, listeners(process)),
  ])
  return [...watch.seen, ...stage.ledger.violations]
}

/** One run, step by step; each throws where anything was wrong up to there. */
class Play {
  constructor(
    private readonly stage: Stage,
    private readonly upstream: UpstreamWatch,
    private readonly timers: TimerWatch,
    private readonly patience: Patience,
  ) {}

  async all(scenario: Scenario): Promise<void> {
    const { ledger } = this.stage
    await this.#probe(98, 'Before all else')
    const idle = this.#idle()
    await this.#hangUp()
    const baseline = this.#standing()
    await this.#visits(scenario)
    ledger.stopIfViolated()
    await this.patience.until(() => this.#inUse())
    await this.patience.until(() => this.#listenersMore(idle))
    ledger.stopIfViolated()
    await this.#hangUp()
    await this.patience.until(() => risen(baseline, this.#standing()))
    ledger.stopIfViolated()
    await this.#probe(99, 'Afterwards')
  }

  async #visits(scenario: Scenario): Promise<void> {
    let open: Promise<void>[] = []
    for (const [index, visit] of scenario.visits.entries()) {
      if (visit.afterOthers) {
        await this.patience.watchOver(open)
        open = []
      }
      open.push(this.#visit(scenario, visit, index))
    }
    await this.patience.watchOver(open)
  }

  async #visit(scenario: Scenario, visit: Visit, index: number): Promise<void> {
    const records = await this.stage.play(visit, index)
    for (const i of records.keys()) {
      const wrong = verdict(scenario, visit, records, i)
      if (wrong !== undefined) this.stage.ledger.violated(wrong)
    }
  }

  /** Each environment answers as ever, over connections of its own. */
  async #probe(index: number, when: string): Promise<void> {
    const { ledger, front } = this.stage
    await this.patience.watchOver([this.#visit({ front, visits: [] }, probe, index)])
    if (ledger.violations.length > 0) ledger.violated(`${when}, a plain request went wrong`)
    ledger.stopIfViolated()
  }

  /** Ends all connections, and waits until the gateway has done so too. */
  async #hangUp(): Promise<void> {
    this.stage.hangUp()
    await this.patience.until(() => [
      ...some('connections of clients are open', this.stage.frontSockets.size),
      ...some('connections to environments are open', this.upstream.sockets.size),
    ])
    this.stage.ledger.stopIfViolated()
  }

  #inUse(): string[] {
    return [
      ...some('leases are held', this.stage.leases),
      ...this.stage.handling.map(
        (url) => `Though its client is done or gone, ${url} has not been dealt with by the gateway`,
      ),
      ...some('requests to environments are under way', this.upstream.requests.size),
    ]
  }

  /** The listeners of connections that wait for the next request. */
  #idle(): Idle {
    return {
      client: listeners(...this.stage.frontSockets),
      environment: listeners(...this.upstream.sockets),
    }
  }

  #listenersMore(before: Idle): string[] {
    const { client, environment } = this.#idle()
    // One for all answers that have waited for their turn is as many as there may be.
    return [
      ...grown('Listeners of a connection of a client', before.client, client, 1),
      ...grown('Listeners of a connection to an environment', before.environment, environment),
    ]
  }

  #standing(): Standing {
    const { server, gateway } = this.stage
    return {
      resources: resources(),
      timers: this.timers.left,
      server: listeners(server),
      manager: listeners(gateway.manager),
    }
  }
}

function some(what: string, count: number): string[] {
  return count === 0 ? [] : [`Though all clients are done or gone, ${count} ${what}`]
}

interface Standing {
  readonly resources: Counts
  readonly timers: Counts
  readonly server: Counts
  readonly manager: Counts
}

interface Idle {
  readonly client: Counts
  readonly environment: Counts
}

function risen(before: Standing, after: Standing): string[] {
  return [
    ...grown('Left after all', before.resources, after.resources),
    ...grown('Timers left', before.timers, after.timers),
    ...grown('Listeners of the server', before.server, after.server),
    ...grown('Listeners of the manager', before.manager, after.manager),
  ]
}
