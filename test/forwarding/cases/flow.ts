import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

/** More than any kernel holds on the two connections of a proxy. */
export const flowBytes = 128 * 1024 * 1024
/** How long nothing may be taken until that counts as a halt. */
const quietMs = 250
/** What has to arrive beyond what was under way at the halt. */
const moreBytes = 256 * 1024

const part = Buffer.alloc(64 * 1024)
for (let i = 0; i < part.length; i += 1) part.writeUInt8((i * 31 + (i >> 8)) & 0xff, i)

/** As much of `flowBytes` as is taken, as fast as it is. */
export class Flow {
  #sent = 0
  #over = false

  constructor(to: Writable) {
    this.#pour(to).catch(() => {})
  }

  /** Waits until nothing more is taken. @returns how much was */
  async halt(): Promise<number> {
    let before = -1
    while (this.#sent !== before) {
      before = this.#sent
      await new Promise((resolve) => setTimeout(resolve, quietMs))
    }
    return before
  }

  /** While nobody reads at the other end, the writer must come to a halt; when somebody does, it goes on, and nothing is lost. */
  async assertHeldBack(from: Readable): Promise<void> {
    try {
      const taken = await this.halt()
      assert.ok(taken < flowBytes, 'all of it was taken while nobody read')
      await assertArrives(from, taken + moreBytes)
    } finally {
      this.#over = true
    }
  }

  async #pour(to: Writable): Promise<void> {
    while (!this.#over && this.#sent < flowBytes) {
      const room = to.write(part)
      this.#sent += part.length
      if (to.destroyed) return
      if (!room) await once(to, 'drain')
    }
  }
}

/** Reads so many bytes, each of which has to be what was written there. */
function assertArrives(from: Readable, bytes: number): Promise<void> {
  let at = 0
  return new Promise((resolve, reject) => {
    from.on('data', (chunk: Buffer) => {
      for (let i = 0; i < chunk.length;) {
        const offset = at % part.length
        const length = Math.min(chunk.length - i, part.length - offset)
        if (chunk.compare(part, offset, offset + length, i, i + length) !== 0) {
          reject(new Error(`Other bytes than were sent arrive, at ${at}`))
        }
        i += length
        at += length
      }
      if (at >= bytes) resolve()
    })
    from.once('close', () => reject(new Error(`It ended after ${at} bytes`)))
    from.resume()
  })
}
