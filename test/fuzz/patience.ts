import type { Ledger } from './record.ts'
import { turn } from './turns.ts'

/** Waits for what should come by itself, and writes down what does not. */
export class Patience {
  constructor(
    private readonly ledger: Ledger,
    private readonly ms: number,
  ) {}

  /** Waits for visits, as long as anything happens in them. */
  async watchOver(visits: readonly Promise<void>[]): Promise<void> {
    const { ledger, ms } = this
    let seen = -1
    let idleTicks = 0
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<void>((resolve) => {
      // In ticks, so that a machine that stands still is not taken for a gateway that does.
      timer = setInterval(() => {
        idleTicks = ledger.progress === seen ? idleTicks + 1 : 0
        seen = ledger.progress
        if (idleTicks < 4) return
        ledger.violated(`Nothing has happened for ${ms} ms, and this is not over: ${ledger.open}`)
        resolve()
      }, ms / 4)
    })
    await Promise.race([Promise.all(visits), stuck])
    clearInterval(timer)
  }

  /** Waits until nothing is wrong any more. */
  async until(wrong: () => readonly string[]): Promise<void> {
    // Where something is wrong already, more of it follows.
    const ms = this.ledger.violations.length > 0 ? this.ms / 10 : this.ms
    for (const what of await stillSo(ms, wrong)) this.ledger.violated(what)
  }
}

/** Waits until nothing is wrong any more. @returns what is after too long */
export async function stillSo(
  ms: number,
  wrong: () => readonly string[],
): Promise<readonly string[]> {
  const deadline = performance.now() + ms
  for (;;) {
    const now = wrong()
    if (now.length === 0 || performance.now() > deadline) return now
    await turn()
  }
}
