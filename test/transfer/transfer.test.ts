import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltCore, buildCore } from './built-core.ts'
import type { Front } from './client.ts'
import { mebibyte } from './content.ts'
import { GrowingGateway } from './growing-gateway.ts'
import { Program } from './program.ts'
import { notObservable } from './observed-process.ts'
import type { Direction } from './transfer.ts'

// In gateways that collect all the time, since these are short; `npm run test:transfer` has 4 GiB, and V8 collect when it likes.
const mostMoreBytes = 16 * mebibyte

if (notObservable !== undefined) process.stderr.write(`${notObservable}: skipped.\n`)

describe.skipIf(notObservable !== undefined)('a large body', () => {
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

  it.each([
    ['http1', 'download'],
    ['http1', 'chunked download'],
    ['http1', 'upload'],
    ['http1', 'chunked upload'],
    ['http2', 'download'],
    ['http2', 'upload'],
  ] satisfies [Front, Direction][])(
    'over %s as %s arrives unchanged, and takes no more memory than a smaller one',
    async (front, direction) => {
      await using gateway = await GrowingGateway.before(environment, front, {
        core: core.url,
        collects: true,
      })
      const little = await gateway.growthBytesDuring(direction, 64 * mebibyte)
      const much = await gateway.growthBytesDuring(direction, 256 * mebibyte)
      expect(much - little).toBeLessThan(mostMoreBytes)
    },
  )
})
