import type { Answered, ClientOrder, HeldRate, Place } from './held-rate.ts'
import { loadCore } from './cores.ts'
import { NodeProgram } from './node-program.ts'

/** For as long as a flood lasts. */
const forLong = 1_000_000

/** A client that holds its rate, in a process of its own. It does one thing after the other. */
export class HeldRateClient implements AsyncDisposable {
  readonly #program: NodeProgram

  private constructor(program: NodeProgram) {
    this.#program = program
  }

  static async start(): Promise<HeldRateClient> {
    const [program] = await NodeProgram.start<'ready'>('held-rate-client', [], {
      core: loadCore,
      isFirst: true,
    })
    return new HeldRateClient(program)
  }

  /**
   * Opens connections, as those have who were there before a flood: under one, it may be that Node.js accepts none for
   * seconds, which is not what is measured here.
   */
  async open(place: Place): Promise<void> {
    await this.#ask<'open'>({ open: place })
  }

  /** Asks as often as it is told to, and resolves when all is answered, or has been waited for for 5 s. */
  ask(hold: HeldRate): Promise<Answered> {
    return this.#ask<Answered>({ hold })
  }

  /** Asks until the function that it returns is called, which resolves like {@link ask}. */
  keepAsking(perSecond: number): () => Promise<Answered> {
    const order: ClientOrder = { hold: { perSecond, count: forLong } }
    this.#program.tell(order)
    return () => this.#ask<Answered>('stop')
  }

  #ask<Answer>(order: ClientOrder): Promise<Answer> {
    return this.#program.ask<Answer>(order)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.end()
  }
}
