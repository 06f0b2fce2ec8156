// Asks at a rate that it holds (see `HeldRate`), and tells how long each answer took from when its request was due: that a
// slow answer delays the next request is not hidden.
import { Worker } from 'node:worker_threads'
import { quantile } from '../../statistics.ts'
import type { Answered, ClientOrder, HeldRate } from '../held-rate.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { MetronomeOrder } from './metronome.ts'

const graceMs = 5000
/** The metronome is told before the first is due. */
const headStartMs = 20

const current = new Int32Array(new SharedArrayBuffer(4))
const metronome = new Worker(new URL('metronome.ts', import.meta.url), { workerData: current })
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
let pool: ConnectionPool | undefined
let stop = (): void => {}

process.once('disconnect', () => process.exit())
process.on('message', (order: ClientOrder) => void carryOut(order))
process.send?.('ready')

async function carryOut(order: ClientOrder): Promise<void> {
  if (order === 'stop') stop()
  else if ('open' in order) {
    pool?.close()
    pool = new ConnectionPool(order.open)
    await pool.open(graceMs)
    process.send?.('open')
  } else if (pool) {
    process.send?.(await hold(pool, order.hold))
    pool.close()
  }
}

async function hold(through: ConnectionPool, { perSecond, count }: HeldRate): Promise<Answered> {
  const latenciesMs: number[] = []
  const lateMs: number[] = []
  const failures: Record<string, number> = {}
  /** When those that are not answered yet were due. */
  const open = new Map<number, number>()
  const startMs = nowMs() + headStartMs
  const number = Atomics.add(current, 0, 1) + 1

  await new Promise<void>((resolve) => {
    let isLastAsked = false
    let grace: NodeJS.Timeout | undefined
    const onDue = (index: number): void => {
      const dueMs = startMs + (index * 1000) / perSecond
      open.set(index, dueMs)
      const onSent = (): void => void lateMs.push(nowMs() - dueMs)
      through.ask(onSent, (outcome) => {
        if (outcome === 200) latenciesMs.push(nowMs() - dueMs)
        else failures[outcome] = (failures[outcome] ?? 0) + 1
        open.delete(index)
        if (isLastAsked && open.size === 0) finish()
      })
      if (index === count - 1) stop()
    }
    const finish = (): void => {
      clearTimeout(grace)
      metronome.off('message', onDue)
      resolve()
    }
    stop = () => {
      stop = () => {}
      isLastAsked = true
      Atomics.add(current, 0, 1)
      Atomics.notify(current, 0)
      if (open.size === 0) finish()
      else grace = setTimeout(finish, graceMs)
    }
    metronome.on('message', onDue)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
    metronome.postMessage({ number, startMs, perSecond, count } satisfies MetronomeOrder)
  })
  const endMs = nowMs()
  if (open.size > 0) failures['unanswered'] = open.size
  return {
    latenciesMs: [...latenciesMs, ...[...open.values()].map((dueMs) => endMs - dueMs)],
    failures,
    lateMs: lateMs.length > 0 ? quantile(lateMs, 0.99) : 0,
  }
}
