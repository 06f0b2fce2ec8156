// stopped.ts <how many environments> <how many lines each has printed>
//
// Runs environments once each, one after the other, stops them, and says what is kept of them.
import type { EnvironmentManager } from '@alcove/core'
import type { StoppedFigures } from '../figures.ts'
import { heapBytes, idsOf, managerOfMany } from '../many-environments.ts'

const [count = 0, logLines = 0] = process.argv.slice(2).map(Number)
await warmUp()
await using manager = managerOfMany(10, logLines)
const ids = idsOf('env', count)
await runOnce(manager, idsOf('first', 10))
const before = await heapBytes()
await runOnce(manager, ids)
const after = await heapBytes()
const told = ids.filter((id) => manager.get(id) !== undefined).length
const figures: StoppedFigures = { heapBytesEach: (after - before) / count, told }
console.log(JSON.stringify(figures))

/** What a process needs once, compiled code included, is not counted. */
async function warmUp(): Promise<void> {
  await using other = managerOfMany(10, logLines)
  await runOnce(other, idsOf('before', 5_000))
}

async function runOnce(of: EnvironmentManager, all: readonly string[]): Promise<void> {
  for (const id of all) {
    const lease = await of.acquire(id)
    lease.release()
    await of.stop(id)
  }
}
