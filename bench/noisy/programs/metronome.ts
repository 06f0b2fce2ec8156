// The worker of `held-rate-client.ts`: tells when each request is due. Node.js's timers are late by up to 1 ms, since they
// count in whole milliseconds; a wait on shared memory is late by some hundredths of one.
import { parentPort, workerData } from 'node:worker_threads'

/** The number in shared memory is the order that is carried out; another one ends it. */
export interface MetronomeOrder {
  readonly number: number
  /** By `process.hrtime`, which all threads share. */
  readonly startMs: number
  readonly perSecond: number
  readonly count: number
}

const current = workerData as Int32Array

parentPort?.on('message', ({ number, startMs, perSecond, count }: MetronomeOrder) => {
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1000) / perSecond
    for (;;) {
      if (Atomics.load(current, 0) !== number) return
      const left = dueMs - Number(process.hrtime.bigint()) / 1e6
      if (left <= 0) break
      Atomics.wait(current, 0, number, left)
    }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
    parentPort?.postMessage(index)
  }
})
