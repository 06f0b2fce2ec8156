import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { GatewaySetup, Message, Order, Reply } from './gateway-orders.ts'
import { countIn, type Counts } from './counts.ts'

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A gateway in a process of its own. */
export class GatewayProcess {
  readonly port: Promise<number>
  readonly end: Promise<End>
  readonly problems: Counts = new Map()
  readonly warnings: Counts = new Map()
  readonly transitions: Counts = new Map()
  /** The pids of all that it has started. */
  readonly spawned: number[] = []
  /** The last of what it has written on its own. */
  output = ''
  readonly #child: ChildProcess
  readonly #awaited = new Map<number, (reply: Reply | undefined) => void>()
  #orders = 0

  /** @param temporary - Its folder for temporary files. */
  constructor(setup: GatewaySetup, temporary: string) {
    this.#child = fork(join(import.meta.dirname, 'programs/gateway.ts'), [JSON.stringify(setup)], {
      env: { ...process.env, TMPDIR: temporary },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output = (this.output + String(chunk)).slice(-4_000)
      })
    }
    this.end = once(this.#child, 'close').then((end) => {
      for (const resolve of this.#awaited.values()) resolve(undefined)
      this.#awaited.clear()
      const [code, signal] = end as [End['code'], End['signal']]
      return { code, signal }
    })
    this.port = new Promise((resolve, reject) => {
      this.#child.on('message', (message: Message) => {
        if ('port' in message) resolve(message.port)
        else this.#told(message)
      })
      void this.end.then(() => reject(new Error(`The gateway did not start: ${this.output}`)))
    })
    this.port.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** @returns `undefined` where the gateway has ended before it answered */
  order(order: Order): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      if (!this.#child.connected) {
        resolve(undefined)
        return
      }
      const to = (this.#orders += 1)
      this.#awaited.set(to, resolve)
      this.#child.send({ to, order })
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #told(message: Message): void {
    if ('reply' in message) {
      this.#awaited.get(message.to)?.(message.reply)
      this.#awaited.delete(message.to)
    } else if ('problem' in message) {
      // Without what differs from one to the next.
      countIn(this.problems, message.problem.replace(/\d+/g, '#').replace(/"[^"]*"/g, '"…"'))
    } else if ('warning' in message) {
      countIn(this.warnings, message.warning)
    } else if ('transition' in message) {
      countIn(this.transitions, message.transition)
    } else if ('spawned' in message) {
      this.spawned.push(message.spawned)
    }
  }
}
