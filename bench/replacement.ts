// npm run bench:replacement [-- --rounds <number>]
//
// What visitors notice of a replacement: a closed loop of clients asks one environment, seconds without and seconds with a
// replacement in turns; each request has a connection of its own. Clients, gateway and environment share the machine, so that the start of the new instance takes its CPU from all.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { devEnvProxy } from '@alcove/core'
import { ask } from './cold-start/ask.ts'
import { machine, writeResults } from './results.ts'
import { quantile } from './statistics.ts'

const clients = 16
const phaseMs = 1_000
const program = join(import.meta.dirname, 'programs/node-http.js')

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } })
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`Expected --rounds to be a whole number from 1 on, got "${values.rounds}".`)
  process.exit(2)
}

const gateway = devEnvProxy({ specFor: () => ({ run: { command: [process.execPath, program] } }) })
const server = createServer((request, response) => void gateway(request, response))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const failures: string[] = []
const [plain, replaced]: [number[], number[]] = [[], []]
const replacementMs: number[] = []
await gateway.manager.create('a')
// The first is not counted.
for (let round = -1; round < rounds; round += 1) {
  const without = await phase(false)
  const withOne = await phase(true)
  if (round < 0) continue
  plain.push(...without)
  replaced.push(...withOne)
}
await gateway.close({ drainMs: 0 })
server.closeAllConnections()
server.close()
print()
const figures = {
  clients,
  phaseMs,
  plain: told(plain),
  replaced: told(replaced),
  replacementMs,
  failures,
}
console.log(`\n${await writeResults('replacement', figures)}`)
process.exitCode = failures.length === 0 ? 0 : 1

/** How long each request took, in ms, while clients asked as fast as they were answered. */
async function phase(withReplacement: boolean): Promise<readonly number[]> {
  const times: number[] = []
  const endMs = performance.now() + phaseMs
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const beganMs = performance.now()
      try {
        await ask({ port, headers: { 'x-env-id': 'a' } })
        times.push(performance.now() - beganMs)
      } catch (error) {
        failures.push(String(error))
      }
    }
  }
  const all = Array.from({ length: clients }, client)
  if (withReplacement) {
    const beganMs = performance.now()
    await gateway.manager.replace('a')
    replacementMs.push(performance.now() - beganMs)
  }
  await Promise.all(all)
  return times
}

function told(times: readonly number[]): Record<'requests' | 'p50' | 'p99' | 'slowest', number> {
  return {
    requests: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    slowest: quantile(times, 1),
  }
}

function print(): void {
  console.log(
    `${clients} clients in a closed loop, ${rounds} seconds without and ${rounds} with a replacement each, in turns. ${machine()}\n`,
  )
  console.log('seconds                requests  median ms  p99 ms  slowest ms')
  for (const [name, times] of [
    ['without', plain],
    ['with a replacement', replaced],
  ] as const) {
    const { requests, p50, p99, slowest } = told(times)
    const row = [requests, p50.toFixed(2), p99.toFixed(1), slowest.toFixed(0)]
    const [a = '', b = '', c = '', d = ''] = row.map(String)
    console.log(
      `${name.padEnd(22)}${a.padStart(9)}${b.padStart(11)}${c.padStart(8)}${d.padStart(12)}`,
    )
  }
  console.log(`\na replacement took     ${quantile(replacementMs, 0.5).toFixed(0)} ms (median)`)
  console.log(
    `no request failed      ${failures.length}: ${failures.length === 0 ? 'met' : 'MISSED'}`,
  )
  for (const failure of new Set(failures)) console.log(`  ${failure}`)
}
