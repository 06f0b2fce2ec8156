import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltCore, buildCore } from './built-core.ts'
import { mebibyte } from './content.ts'
import { GrowingGateway } from './growing-gateway.ts'
import { Program } from './program.ts'
import { notObservable } from './observed-process.ts'
import { StoppedEnds, type Way } from './stopped-ends.ts'

const mostBytesEach = 10 * mebibyte
const many = 20
// What V8 compiles or has not collected yet comes on top of what is held, now and then: whoever holds too much does so in each.
const mostGateways = 3

if (notObservable !== undefined) process.stderr.write(`${notObservable}: skipped.\n`)

describe.skipIf(notObservable !== undefined)('of 1 GiB whose reader stops', () => {
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

  type Add = (ends: StoppedEnds) => Promise<void>

  /** The growth with each number of ends that have stopped, in one gateway; up to the first that is too much. */
  async function growthsOf(way: Way, add: Add): Promise<ReadonlyMap<number, number>> {
    const front = way === 'http2' ? 'http2' : 'http1'
    await using gateway = await GrowingGateway.before(environment, front, { core: core.url })
    await using ends = new StoppedEnds(way, gateway.port)
    const growths = new Map<number, number>()
    let there = 0
    for (const number of [1, many]) {
      const isTooMuch = (): boolean => gateway.growthBytes > number * mostBytesEach
      await Promise.all(Array.from({ length: number - there }, () => add(ends)))
      there = number
      // One that takes in all it can get must not fill the machine.
      await ends.halt(gateway, isTooMuch)
      growths.set(number, gateway.growthBytes)
      if (isTooMuch()) break
    }
    return growths
  }

  async function expectLittle(way: Way, add: Add): Promise<void> {
    const tried: string[] = []
    for (let gateways = 0; gateways < mostGateways; gateways += 1) {
      const growths = await growthsOf(way, add)
      if ([...growths].every(([number, bytes]) => bytes <= number * mostBytesEach)) return
      tried.push(
        [...growths]
          .map(([number, bytes]) => `${(bytes / mebibyte).toFixed(1)} MiB for ${number}`)
          .join(', '),
      )
    }
    expect.fail(`more than ${mostBytesEach / mebibyte} MiB for each: ${tried.join('; ')}`)
  }

  it.each(['http1', 'http2', 'tunnel'] as const)(
    'an answer costs at most 10 MiB, and 20 of them 200 MiB, over %s',
    (way) => expectLittle(way, (ends) => ends.addReader()),
  )

  it.each(['http1', 'chunked', 'http2', 'tunnel'] as const)(
    'an upload costs at most 10 MiB, and 20 of them 200 MiB, over %s',
    (way) => expectLittle(way, (ends) => ends.addSender()),
  )
})
