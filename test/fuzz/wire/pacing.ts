import type { Pace } from '../scenario/scenario.ts'
import { turns, turnsUntil } from '../turns.ts'

/** One side that sends. */
export interface Sender {
  send(bytes: Buffer): void
  /** There is no use in going on. */
  gone(): boolean
  /** Changes when the other side takes notice. */
  noticed(): number
}

/** Sends bytes in pieces. */
export async function sendInPieces(sender: Sender, bytes: Buffer, pace: Pace): Promise<void> {
  const cuts = pace.cuts.map((thousandth) => Math.floor((bytes.length * thousandth) / 1000))
  const ends = [...new Set([...cuts.toSorted((a, b) => a - b), bytes.length])]
  let from = 0
  for (const end of ends) {
    if (sender.gone()) return
    const before = sender.noticed()
    if (end > from) sender.send(bytes.subarray(from, end))
    from = end
    if (end === bytes.length) return
    if (pace.pause === 'peer') {
      await turnsUntil(() => sender.gone() || sender.noticed() !== before, 50)
    } else {
      await turns(pace.pause)
    }
  }
}
