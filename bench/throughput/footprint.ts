import { ObservedProcess } from '../../test/transfer/observed-process.ts'
import type { RunningGateway } from '../gateways/index.ts'

/** Memory in bytes. */
export interface Footprint {
  /** What is used of the heap after collections; `undefined` where there is none that could be asked. */
  readonly heap: number | undefined
  readonly resident: number
}

/** Of a whole process. */
export async function footprint(gateway: RunningGateway): Promise<Footprint> {
  const heap = await gateway.heapBytes()
  return { heap, resident: new ObservedProcess(gateway.pid).residentBytes }
}

/** What each of a number of things has cost. */
export function each(before: Footprint, after: Footprint, count: number): Footprint {
  return {
    heap: after.heap === undefined ? undefined : (after.heap - (before.heap ?? 0)) / count,
    resident: (after.resident - before.resident) / count,
  }
}

/** In KiB, as two cells of a table. */
export function cells(bytes: Footprint | undefined): readonly string[] {
  const text = (value: number | undefined): string =>
    value === undefined ? '-' : (value / 1024).toFixed(1)
  return [text(bytes?.heap), text(bytes?.resident)]
}
