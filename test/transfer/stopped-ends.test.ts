import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltCore, buildCore } from './built-core.ts'
import { mebibyte } from './content.ts'
import { GrowingGateway } from './growing-gateway.ts'
import { Program } from './program.ts'
import { notMeasurable } from './resident-memory.ts'
import { StoppedEnds, type Way } from './stopped-ends.ts'

const mostBytesEach = 10 * mebibyte
const many = 20

if (notMeasurable !== undefined) process.stderr.write(`${notMeasurable}: skipped.\n`)

describe.skipIf(notMeasurable !== undefined)('of 1 GiB that its reader stops reading', () => {
  let core: BuiltCore
  let environment: Program
  beforeAll(async () => {
    core = await buildCore()
    environment = await Program.start('environment')
  })
  afterAll(async () => {
    await environment[Symbol.asyncDispose]()
    core.remove()
  })

  /** One end that stops, and then many at once. */
  async function expectLittle(way: Way, add: (ends: StoppedEnds) => Promise<void>): Promise<void> {
    const front = way === 'http2' ? 'http2' : 'http1'
    await using gateway = await GrowingGateway.before(environment, front, { core: core.url })
    await using ends = new StoppedEnds(way, gateway.port)
    let count = 0
    for (const until of [1, many]) {
      const most = until * mostBytesEach
      const more = Array.from({ length: until - count }, () => add(ends))
      count = until
      await Promise.all(more)
      // A gateway that takes all of it must not fill the machine.
      await ends.halt(() => gateway.growthBytes > most)
      expect(gateway.growthBytes, `growth with ${until} at once`).toBeLessThan(most)
    }
  }

  it.each(['http1', 'http2', 'tunnel'] as const)(
    'an answer costs less than 10 MiB, and 20 of them less than 200, over %s',
    (way) => expectLittle(way, (ends) => ends.addReader()),
  )

  it.each(['http1', 'chunked', 'http2', 'tunnel'] as const)(
    'an upload costs less than 10 MiB, and 20 of them less than 200, over %s',
    (way) => expectLittle(way, (ends) => ends.addSender()),
  )
})
