import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { Chaos } from './actions.ts'
import { close, settle } from './aftermath.ts'
import { countIn, type Counts } from './counts.ts'
import { GatewayProcess } from './gateway-process.ts'
import { judge } from './judge.ts'
import { bodyDueMs, headDueMs, limits } from './limits.ts'
import { NodeClient } from './node-client.ts'
import { type Plan, planOf } from './plan.ts'
import { processesOf, signal } from './processes.ts'
import { RawClient } from './raw-client.ts'
import type { Seen } from './seen.ts'

/** How a run is made. */
export interface RunOptions {
  /** Where `@alcove/core` is imported from, by the gateway's process. */
  readonly core: string
  readonly seed: number
  readonly seconds: number
  readonly environments: number
  /** How many clients ask at a time. */
  readonly clients: number
  /** How much later than due the machine may make anything. */
  readonly slackMs: number
}

/** What came of a run. */
export interface Report {
  readonly violations: readonly string[]
  readonly requests: number
  /** How requests ended, by what they were for. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly actions: ReadonlyMap<string, number>
  readonly orders: ReadonlyMap<string, number>
  readonly problems: ReadonlyMap<string, number>
  readonly transitions: ReadonlyMap<string, number>
  readonly started: number
  /** Until the slowest head had come, and until the slowest answer had ended. */
  readonly slowestHeadMs: number
  readonly slowestMs: number
  readonly closedInMs: number
}

/** How long each environment may take to answer again when nothing is done to it any more. */
const recoveryMs = 30_000

/** Asks environments for a while, and does things to them meanwhile; then closes the gateway, and looks for what is left. */
export async function runChaos(options: RunOptions): Promise<Report> {
  const temporary = mkdtempSync(join(tmpdir(), 'chaos-'))
  const run = new Run(options, temporary)
  try {
    return await run.all()
  } finally {
    run.kill()
    rmSync(temporary, { recursive: true, force: true })
  }
}

class Run {
  readonly #options: RunOptions
  readonly #temporary: string
  readonly #mark = `chaos-${randomBytes(8).toString('hex')}`
  readonly #ids: readonly string[]
  readonly #gateway: GatewayProcess
  readonly #violations: string[] = []
  readonly #outcomes: Counts = new Map()
  #requests = 0
  #slowestHeadMs = 0
  #slowestMs = 0
  #gaveUp = false

  constructor(options: RunOptions, temporary: string) {
    this.#options = options
    this.#temporary = temporary
    this.#ids = Array.from({ length: options.environments }, (_, number) => `env-${number}`)
    const { core, seed } = options
    const setup = { core, seed, environments: this.#ids, mark: this.#mark }
    this.#gateway = new GatewayProcess(setup, temporary)
    void this.#gateway.end.then(() => {
      this.#gaveUp = true
    })
  }

  async all(): Promise<Report> {
    const port = await this.#gateway.port
    const { seed } = this.#options
    const loop = monitorEventLoopDelay({ resolution: 10 })
    loop.enable()
    const chaos = new Chaos(this.#gateway, this.#mark, this.#ids, seed)
    const clients = { raw: new RawClient(port), node: new NodeClient(port) }
    chaos.start()
    await this.#load(clients, () => loop.max / 1e6)
    await chaos.end()
    await this.#recover(clients)
    clients.raw.close()
    clients.node.close()
    loop.disable()
    const scene = {
      gateway: this.#gateway,
      mark: this.#mark,
      ids: this.#ids,
      temporary: this.#temporary,
    }
    this.#violations.push(...(await settle(scene)))
    const { left, ms: closedInMs } = await close(scene)
    this.#violations.push(...left)
    const { problems, warnings, transitions, spawned } = this.#gateway
    for (const [warning] of warnings) this.#violated(`The gateway's process was warned: ${warning}`)
    return {
      violations: [...this.#violations, ...chaos.violations],
      requests: this.#requests,
      outcomes: this.#outcomes,
      actions: chaos.done,
      orders: chaos.orders,
      problems,
      transitions,
      started: spawned.length,
      slowestHeadMs: this.#slowestHeadMs,
      slowestMs: this.#slowestMs,
      closedInMs,
    }
  }

  /** Leaves nothing of a run that went wrong. */
  kill(): void {
    this.#gateway.kill()
    for (const each of processesOf(this.#mark)) signal(each, 'SIGKILL')
  }

  async #load(clients: Clients, stalledMs: () => number): Promise<void> {
    const untilMs = performance.now() + this.#options.seconds * 1_000
    await Promise.all(
      Array.from({ length: this.#options.clients }, async () => {
        while (performance.now() < untilMs && !this.#gaveUp) {
          const number = (this.#requests += 1)
          const plan = planOf(this.#options.seed, number, this.#ids)
          const seen = await this.#play(clients, plan)
          // The gateway is not to blame for what stood still here.
          this.#judge(plan, seen, this.#options.slackMs + stalledMs())
        }
      }),
    )
  }

  #play(clients: Clients, plan: Plan): Promise<Seen> {
    const waitMs = headDueMs + bodyDueMs + 2 * this.#options.slackMs
    return clients[plan.client].play(plan, waitMs)
  }

  #judge(plan: Plan, seen: Seen, slackMs: number): void {
    const { outcome, violation } = judge(plan, seen, slackMs)
    countIn(this.#outcomes, `${plan.kind}: ${outcome}`)
    if (violation !== undefined) this.#violated(violation)
    if (seen.end === 'left') return
    this.#slowestHeadMs = Math.max(this.#slowestHeadMs, seen.head?.atMs ?? 0)
    this.#slowestMs = Math.max(this.#slowestMs, seen.ms)
  }

  /** Each environment answers once nothing is done to it any more. */
  async #recover(clients: Clients): Promise<void> {
    const untilMs = performance.now() + recoveryMs
    for (const [index, id] of this.#ids.entries()) {
      const plan: Plan = {
        number: index,
        id,
        kind: 'small',
        seed: index,
        bytes: 100,
        pauseMs: 0,
        client: 'raw',
        fresh: true,
        parts: 1,
        leavesAfterMs: undefined,
        stopsReadingMs: 0,
      }
      for (;;) {
        const seen = await this.#play(clients, plan)
        const { outcome, violation } = judge(plan, seen, this.#options.slackMs)
        if (outcome === 'whole' && violation === undefined) break
        if (this.#gaveUp || performance.now() > untilMs) {
          this.#violated(`Left in peace, ${id} does not answer again: ${violation ?? outcome}`)
          break
        }
        await delay(limits.initialBackOffMs)
      }
    }
  }

  #violated(what: string): void {
    this.#violations.push(what)
  }
}

interface Clients {
  readonly raw: RawClient
  readonly node: NodeClient
}
