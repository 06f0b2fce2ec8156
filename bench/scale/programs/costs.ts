// costs.ts <rounds>
//
// How long it takes to route to an environment, and to make room for one, with few and with many that run: all in one process, in turns.
import { asRouter, type EnvironmentManager, headerRouter, type RequestHead } from '@alcove/core'
import { seededRandom, shuffled } from '../../statistics.ts'
import { type Round, sizes } from '../figures.ts'
import { heapBytes, idsOf, managerOfMany, startMany } from '../many-environments.ts'

/** How many environments are asked in turns, where not all are. */
const askedCount = 64
const sliceMs = 15
const startsInSlice = 20

const [rounds = 0] = process.argv.slice(2).map(Number)
const random = seededRandom(1)
const route = asRouter(headerRouter())

/** Environments that run, in all of the places that there are. */
class Crowd {
  readonly manager: EnvironmentManager
  readonly heads: readonly RequestHead[]
  /** Some of these. */
  readonly asked: readonly RequestHead[]
  #newcomers = 0
  #next = 0

  constructor(size: number) {
    this.manager = managerOfMany(size)
    this.heads = idsOf('env', size).map(headOf)
    this.asked = shuffled(this.heads.slice(-askedCount), random)
  }

  /** @returns microseconds for each request */
  route(heads: readonly RequestHead[]): number {
    const beganMs = performance.now()
    let count = 0
    while (performance.now() - beganMs < sliceMs) {
      for (let burst = 0; burst < 100; burst += 1) {
        // Others than those asked a moment ago.
        this.#next = (this.#next + 7_919) % heads.length
        const match = route(heads[this.#next] as RequestHead)
        if (match?.is !== 'environment') throw new Error('There is no route')
        const lease = this.manager.acquireReady(match.id)
        if (!lease) throw new Error(`Environment ${match.id} does not run`)
        lease.release()
        count += 1
      }
    }
    return ((performance.now() - beganMs) * 1_000) / count
  }

  /** @returns microseconds for each start */
  async makeRoom(): Promise<number> {
    const ids = idsOf(`newcomer-${(this.#newcomers += 1)}`, startsInSlice)
    const beganMs = performance.now()
    await startMany(this.manager, ids)
    return ((performance.now() - beganMs) * 1_000) / startsInSlice
  }
}

const crowds = sizes.map((size) => new Crowd(size))
for (const [index, crowd] of crowds.entries()) {
  await startMany(crowd.manager, idsOf('env', sizes[index] ?? 0))
}
// What their starts have left is not to be collected while something is measured.
await heapBytes()
// Before anybody has to make room.
const routing = measureRouting()
const measured: Round[] = []
await heapBytes()
for (let number = -2; number < rounds; number += 1) {
  const makeRoom = await inTurns((crowd) => crowd.makeRoom())
  if (number >= 0) measured.push({ ...(routing[number] as Omit<Round, 'makeRoom'>), makeRoom })
}
console.log(JSON.stringify(measured))
for (const { manager } of crowds) await manager.close({ drainMs: 0 })

function measureRouting(): Omit<Round, 'makeRoom'>[] {
  const all: Omit<Round, 'makeRoom'>[] = []
  // The first ones are compiled meanwhile.
  for (let number = -5; number < rounds; number += 1) {
    const round = { route: [] as number[], routeAny: [] as number[] }
    for (const index of shuffled([...crowds.keys()], random)) {
      const crowd = crowds[index] as Crowd
      round.route[index] = crowd.route(crowd.asked)
      round.routeAny[index] = crowd.route(crowd.heads)
    }
    if (number >= 0) all.push(round)
  }
  return all
}

async function inTurns(work: (crowd: Crowd) => Promise<number>): Promise<number[]> {
  const all: number[] = []
  for (const index of shuffled([...crowds.keys()], random)) {
    all[index] = await work(crowds[index] as Crowd)
  }
  return all
}

function headOf(id: string): RequestHead {
  const bytes = Buffer.from(id)
  return {
    method: 'GET',
    target: '/',
    host: 'dev.test',
    // As it comes with each request anew: a text that nobody has looked for before.
    header: (name) => (name === 'x-env-id' ? bytes.toString('latin1') : undefined),
    remoteAddress: '127.0.0.1',
    localPort: 8080,
    encrypted: false,
  }
}
