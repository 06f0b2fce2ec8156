import type { RunningGateway } from '../gateways/index.ts'
import { cpuSeconds } from '../load/cpu-time.ts'
import { connections, runWrk, type WrkLoad, type WrkResult } from '../load/wrk.ts'
import { shuffled } from '../statistics.ts'
import type { Bench } from './bench.ts'
import { inTurn } from './fleet.ts'

/** One line of a table: a gateway, and what it is asked for. */
export interface Row {
  readonly name: string
  /** Its processes, which take turns. */
  readonly gateways: readonly RunningGateway[]
  readonly load: Pick<WrkLoad, 'path' | 'script' | 'words'>
}

/** One second of load. */
export interface Slice {
  readonly requestsPerSecond: number
  /** Which share of the time the gateway was on its core: well below 1, something else was waited for. */
  readonly busy: number
}

/** The slices of each row, in the order of the rounds. */
export type Measured = ReadonlyMap<string, readonly Slice[]>

/** Beside the rounds that count: code is compiled, connections and pools are made. */
const warmUpRounds = 2
const sliceSeconds = 1
/** More connections to the upstream than this for each request, beside a first few for each client: they are not kept. */
const mostConnectionsPerRequest = 0.05
const firstConnections = 4 * connections

/** Measures the rows in turns, in another order in each round. @throws where anything is not answered as it is to be */
export async function measureSlices(bench: Bench, rows: readonly Row[]): Promise<Measured> {
  const slices = new Map(rows.map(({ name }): [string, Slice[]] => [name, []]))
  for (const row of rows) await warmUp(bench, row)
  for (let round = 0; round < bench.rounds; round += 1) {
    bench.progress(`round ${round + 1} of ${bench.rounds}`)
    for (const row of shuffled(rows, bench.random)) {
      slices.get(row.name)?.push(await slice(bench, row, round))
    }
  }
  return slices
}

async function warmUp(bench: Bench, row: Row): Promise<void> {
  bench.progress(`warming up ${row.name}`)
  for (const gateway of row.gateways) {
    const before = await bench.upstream.connectionCount()
    let asked = 0
    for (let round = 0; round < (bench.isQuick ? 1 : warmUpRounds); round += 1) {
      asked += (await load(bench, row, gateway, sliceSeconds)).requests
    }
    const made = (await bench.upstream.connectionCount()) - before
    if (made > firstConnections + asked * mostConnectionsPerRequest) {
      throw new Error(`${row.name} made ${made} connections to the upstream for ${asked} requests`)
    }
  }
}

async function slice(bench: Bench, row: Row, round: number): Promise<Slice> {
  const gateway = inTurn(row.gateways, round)
  const cpuBefore = cpuSeconds(gateway.pid)
  const began = performance.now()
  const { requestsPerSecond } = await load(bench, row, gateway, sliceSeconds)
  const seconds = (performance.now() - began) / 1000
  return { requestsPerSecond, busy: (cpuSeconds(gateway.pid) - cpuBefore) / seconds }
}

async function load(
  bench: Bench,
  { name, load: what }: Row,
  gateway: RunningGateway,
  seconds: number,
): Promise<WrkResult> {
  const whole: WrkLoad = { ...what, port: gateway.port, seconds }
  const result = await runWrk(whole, bench.cores.load, bench.signal)
  if (result.problem === undefined) return result
  throw new Error(`The run is void: ${name} at ${what.path}: ${result.problem}`)
}
