// running.ts <how many environments>
//
// Starts environments, leaves them idle, and says what they cost.
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningFigures } from '../figures.ts'
import { heapBytes, idsOf, managerOfMany, startMany } from '../many-environments.ts'

const [count = 0] = process.argv.slice(2).map(Number)
const watchedMs = 1_000
await using manager = managerOfMany(count + 200)
await startMany(manager, idsOf('before', 200))
const ids = idsOf('env', count)
const before = await heapBytes()
await startMany(manager, ids)
const after = await heapBytes()
// Collections go on for a moment beside.
await delay(1_500)
const cpu = process.cpuUsage()
await delay(watchedMs)
const { user, system } = process.cpuUsage(cpu)
const figures: RunningFigures = {
  heapBytesEach: (after - before) / count,
  idleCpuMs: (user + system) / watchedMs,
}
console.log(JSON.stringify(figures))
