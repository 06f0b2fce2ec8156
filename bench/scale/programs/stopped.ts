// stopped.ts <how many environments> <how many lines each has printed>
//
// Runs environments once each, one after the other, stops them, and says what is kept of them.
import type { StoppedFigures } from '../figures.ts'
import { heapBytes, idsOf, managerOfMany } from '../many-environments.ts'

const [count = 0, logLines = 0] = process.argv.slice(2).map(Number)
await using manager = managerOfMany(10, logLines)
// What is needed once is not counted.
await runOnce(idsOf('before', 200))
const ids = idsOf('env', count)
const before = await heapBytes()
await runOnce(ids)
const after = await heapBytes()
const told = ids.filter((id) => manager.get(id) !== undefined).length
const figures: StoppedFigures = { heapBytesEach: (after - before) / count, told }
console.log(JSON.stringify(figures))

async function runOnce(all: readonly string[]): Promise<void> {
  for (const id of all) {
    const lease = await manager.acquire(id)
    lease.release()
    await manager.stop(id)
  }
}
