import { seededRandom } from '../statistics.ts'
import { countIn, type Counts } from './counts.ts'
import type { GatewayProcess } from './gateway-process.ts'
import type { Order } from './gateway-orders.ts'
import { instancesOf, type RunningProcess, signal } from './processes.ts'

/** What is done to environments: how often, beside the others. */
const weights = {
  'kill its first process': 3,
  'kill one of its processes': 3,
  'kill all of it': 2,
  'freeze it': 4,
  'make it slow': 3,
  'break what it answers': 5,
  stop: 1,
  restart: 1,
  recreate: 1,
  purge: 0.5,
} as const
type Action = keyof typeof weights

/** How long a caller's order may take: what is frozen is killed after its grace, and a start may fail once. */
const orderDueMs = 40_000
const longestFrozenMs = 4_000

/** Does things to environments at random: from outside, as an operator's shell would, and as a caller of the manager. */
export class Chaos {
  readonly done: Counts = new Map()
  readonly violations: string[] = []
  /** What became of callers' orders. */
  readonly orders: Counts = new Map()
  readonly #random: () => number
  readonly #frozen = new Map<NodeJS.Timeout, readonly RunningProcess[]>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #gateway: GatewayProcess
  readonly #mark: string
  readonly #ids: readonly string[]
  #timer: NodeJS.Timeout | undefined

  constructor(gateway: GatewayProcess, mark: string, ids: readonly string[], seed: number) {
    this.#gateway = gateway
    this.#mark = mark
    this.#ids = ids
    this.#random = seededRandom(seed)
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        const id = this.#ids[Math.floor(this.#random() * this.#ids.length)] ?? ''
        this.#act(id)
        // Some things are hard to stand only when they come together.
        while (this.#random() < 0.25) this.#act(id)
        this.start()
      },
      20 + this.#random() * 150,
    )
  }

  /** Does nothing more, and waits for what it has asked for. Some of what is frozen stays so. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    for (const [timer, processes] of this.#frozen) {
      clearTimeout(timer)
      if (this.#random() < 0.7) for (const each of processes) signal(each, 'SIGCONT')
    }
    await Promise.all(this.#underWay)
  }

  #act(id: string): void {
    const action = this.#choice()
    if (action === 'stop' || action === 'restart' || action === 'recreate' || action === 'purge') {
      this.#order({ do: action, id })
    } else {
      // What is left of earlier ones is for the gateway to end.
      const instances = [...instancesOf(this.#mark, id).values()]
      const current = instances.find((processes) => processes.some((each) => this.#isFirst(each)))
      if (!current || !this.#toProcesses(action, current)) return
    }
    countIn(this.done, action)
  }

  /** @returns whether there were any */
  #toProcesses(
    action: Exclude<Action, Extract<Order, { readonly id: string }>['do']>,
    processes: readonly RunningProcess[],
  ): boolean {
    const first = processes.find((each) => this.#isFirst(each))
    if (!first) return false
    switch (action) {
      case 'kill its first process':
        return signal(first, 'SIGKILL')
      case 'kill one of its processes': {
        const one = processes[Math.floor(this.#random() * processes.length)]
        return one !== undefined && signal(one, 'SIGKILL')
      }
      case 'kill all of it':
        return signalAll(processes, 'SIGKILL')
      case 'make it slow':
        return signalAll(programs(processes), 'SIGHUP')
      case 'break what it answers':
        return signalAll(programs(processes), 'SIGUSR2')
      case 'freeze it': {
        const forMs = this.#random() ** 1.5 * longestFrozenMs
        const timer = setTimeout(() => {
          this.#frozen.delete(timer)
          signalAll(processes, 'SIGCONT')
        }, forMs)
        this.#frozen.set(timer, processes)
        return signalAll(processes, 'SIGSTOP')
      }
    }
  }

  #isFirst({ parent }: RunningProcess): boolean {
    return parent === this.#gateway.pid
  }

  #order(order: Extract<Order, { readonly id: string }>): void {
    const beganMs = performance.now()
    const carriedOut = (async () => {
      const reply = await this.#gateway.order(order)
      if (!reply) return
      const what = reply.is === 'failed' ? `${order.do}: ${reply.code}` : `${order.do}: ${reply.is}`
      countIn(this.orders, what)
      const name = `${order.do} of ${order.id}`
      if (reply.is === 'failed' && !reply.code.startsWith('ALCOVE_')) {
        this.violations.push(`${name} failed with what is no error of Alcove: ${reply.reason}`)
      }
      const ms = performance.now() - beganMs
      if (ms > orderDueMs) this.violations.push(`${name} took ${Math.round(ms)} ms`)
    })()
    this.#underWay.add(carriedOut)
    void carriedOut.finally(() => this.#underWay.delete(carriedOut))
  }

  #choice(): Action {
    const all = Object.entries(weights) as [Action, number][]
    let left = this.#random() * all.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [action, weight] of all) {
      left -= weight
      if (left < 0) return action
    }
    return 'break what it answers'
  }
}

/** Those that know the signals which are commands; any other would end by them. */
function programs(processes: readonly RunningProcess[]): readonly RunningProcess[] {
  return processes.filter(({ command }) => command.includes('environment.ts'))
}

function signalAll(processes: readonly RunningProcess[], name: NodeJS.Signals): boolean {
  return processes.filter((each) => signal(each, name)).length > 0
}
