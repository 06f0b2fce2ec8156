import { Patience, stillSo } from './patience.ts'
import { firstProbe, probe } from './scenario/probe.ts'
import { ProcessWatch } from './gateway/process-watch.ts'
import { Violated } from './record.ts'
import type { Scenario, Visit } from './scenario/scenario.ts'
import { forgetStamps } from './wire/stamp.ts'
import { Stage } from './gateway/stage.ts'
import { type Counts, TimerWatch, grown, listeners, resources } from './gateway/traces.ts'
import { UpstreamWatch } from './gateway/upstream-watch.ts'
import { verdict } from './verdict.ts'

/** Plays scenarios, one after the other: on the same gateway for as long as all is well, since most of a run is its setting up. */
export class Runs implements AsyncDisposable {
  readonly #watch = new ProcessWatch()
  readonly #upstream = new UpstreamWatch()
  readonly #timers = new TimerWatch()
  readonly #before = { resources: resources(), process: listeners(process) }
  #play: Play | undefined

  /**
   * Plays a scenario.
   *
   * @param patienceMs - How long nothing may happen before it counts as stuck, and how long what is over may take to go.
   * @returns what was wrong
   */
  async run(scenario: Scenario, patienceMs: number): Promise<readonly string[]> {
    const wrong: string[] = []
    try {
      this.#play ??= new Play(await Stage.open(scenario.front), this.#upstream, this.#timers)
      wrong.push(...(await this.#play.all(scenario, patienceMs)))
    } finally {
      wrong.push(...this.#watch.seen.splice(0))
      if (wrong.length > 0) wrong.push(...(await this.#close()))
    }
    return wrong
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await this.#close()
    this.#timers[Symbol.dispose]()
    this.#upstream[Symbol.dispose]()
    this.#watch[Symbol.dispose]()
    if (left.length > 0) throw new Error(left.join('\n'))
  }

  /** Closes the gateway. @returns what it has left in the process */
  async #close(): Promise<readonly string[]> {
    const play = this.#play
    this.#play = undefined
    await play?.stage.close()
    const before = this.#before
    const left = await stillSo(1000, () => [
      ...grown('Left in the process', before.resources, resources()),
      ...grown('Listeners of the process', before.process, listeners(process)),
    ])
    this.#before.resources = resources()
    return left
  }
}

/** A gateway in use. */
class Play {
  /** What there is where nobody is connected, and the listeners of connections that wait for a request. */
  #baseline: { readonly standing: Standing; readonly idle: Idle } | undefined
  #patience: Patience

  constructor(
    readonly stage: Stage,
    private readonly upstream: UpstreamWatch,
    private readonly timers: TimerWatch,
  ) {
    this.#patience = new Patience(stage.ledger, 0)
  }

  /** Plays a scenario. @returns what was wrong; then another gateway has to be taken */
  async all(scenario: Scenario, patienceMs: number): Promise<readonly string[]> {
    const { ledger } = this.stage
    this.#patience = new Patience(ledger, patienceMs)
    forgetStamps()
    ledger.clear()
    try {
      this.#baseline ??= await this.#measure()
      const { standing, idle } = this.#baseline
      if (scenario.warm) await this.#probe('Before it', probe)
      await this.#visits(scenario)
      ledger.stopIfViolated()
      await this.#patience.until(() => this.#inUse())
      await this.#patience.until(() => this.#listenersMore(idle))
      ledger.stopIfViolated()
      await this.#hangUp()
      await this.#patience.until(() => risen(standing, this.#standing()))
      ledger.stopIfViolated()
      await this.#probe('Afterwards', probe)
      // As many requests on a connection leave as many listeners as one does.
      await this.#patience.until(() => this.#listenersMore(idle))
      await this.#hangUp()
    } catch (error) {
      if (!(error instanceof Violated)) throw error
    }
    return ledger.violations
  }

  async #measure(): Promise<{ readonly standing: Standing; readonly idle: Idle }> {
    await this.#probe('Before all else', ...firstProbe)
    const idle = this.#idle()
    await this.#hangUp()
    return { standing: this.#standing(), idle }
  }

  async #visits(scenario: Scenario): Promise<void> {
    let open: Promise<void>[] = []
    for (const [index, visit] of scenario.visits.entries()) {
      if (visit.afterOthers) {
        await this.#patience.watchOver(open)
        open = []
      }
      open.push(this.#visit(scenario, visit, index))
    }
    await this.#patience.watchOver(open)
  }

  async #visit(scenario: Scenario, visit: Visit, index: number): Promise<void> {
    const records = await this.stage.play(visit, index)
    for (const i of records.keys()) {
      const wrong = verdict(scenario, visit, records, i)
      if (wrong !== undefined) this.stage.ledger.violated(wrong)
    }
  }

  /** Each environment answers as ever, over connections of its own. */
  async #probe(when: string, ...visits: readonly Visit[]): Promise<void> {
    const { ledger, front } = this.stage
    const scenario = { front, warm: false, visits: [] }
    await this.#patience.watchOver(visits.map((visit, i) => this.#visit(scenario, visit, 99 - i)))
    if (ledger.violations.length > 0) ledger.violated(`${when}, a plain request went wrong`)
    ledger.stopIfViolated()
  }

  /** Ends all connections, and waits until the gateway has done so too. */
  async #hangUp(): Promise<void> {
    this.stage.hangUp()
    await this.#patience.until(() => [
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
