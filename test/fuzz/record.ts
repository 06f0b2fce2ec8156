import type { Socket } from 'node:net'
import type { Exchange } from './scenario/scenario.ts'

/** How one request came to an environment. */
export interface Arrival {
  readonly socket: Socket
  /** The connection had carried a request before. */
  readonly reused: boolean
  /** All of the request is here. */
  whole: boolean
  bodyBytes: number
  /** Bytes of an answer were written. */
  answered: boolean
}

/** What a client got. */
export type Outcome =
  | { readonly is: 'nothing' }
  /** The environment's answer, or what came of it. */
  | { readonly is: 'answer'; readonly whole: boolean; readonly bytes: number }
  /** The gateway's own. */
  | { readonly is: 'own'; readonly whole: boolean; readonly status: number; readonly code: string }
  /** What Node.js says itself to a request that it can't read. */
  | { readonly is: 'refusal'; readonly status: number }

/** One exchange while it happens, as both sides see it. */
export class ExchangeRecord {
  sent: 'nothing' | 'part' | 'whole' = 'nothing'
  readonly arrivals: Arrival[] = []
  /** Bytes of the request that the environment has seen, and of the answer that the client has. */
  requestBytes = 0
  answerBytes = 0
  /** The connection said that it would end with this answer. */
  last = false
  outcome: Outcome = { is: 'nothing' }
  /** The client has done with it. */
  over = false
  /** The trailer of the answer has come. */
  trailer = false
  /** Which end of a tunnel has got all that the other sent. */
  readonly tunnelWhole = { client: false, environment: false }

  constructor(
    readonly token: string,
    readonly plan: Exchange,
  ) {}

  get whole(): boolean {
    return this.outcome.is === 'refusal' || (this.outcome.is !== 'nothing' && this.outcome.whole)
  }
}

/** Something is not as it should be, and written down. */
export class Violated extends Error {}

/** What all parts of a run report to. */
export class Ledger {
  readonly records = new Map<string, ExchangeRecord>()
  readonly violations: string[] = []
  /** Grows with everything that happens; a run in which it stands still has got stuck. */
  progress = 0

  /** The exchanges that are neither done nor given up, in words. */
  get open(): string {
    return [...this.records.values()]
      .filter(({ sent, over }) => sent !== 'nothing' && !over)
      .map(({ token, sent, arrivals, outcome }) => {
        const arrived = arrivals.map(({ whole, answered }) => ({ whole, answered }))
        return `${token} ${JSON.stringify({ sent, arrived, outcome })}`
      })
      .join(', ')
  }

  /** Begins anew. */
  clear(): void {
    this.records.clear()
    this.violations.length = 0
  }

  moved(): void {
    this.progress += 1
  }

  violated(what: string): void {
    this.violations.push(what)
  }

  /** @throws {@link Violated} where nothing that comes now would tell more */
  stopIfViolated(): void {
    if (this.violations.length > 0) throw new Violated()
  }
}
