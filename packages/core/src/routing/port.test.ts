import { describe, expect, it } from 'vitest'
import { InvalidIdError, InvalidOptionError } from '../errors.js'
import { requestHead } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { portRouter } from './port.js'

describeRouter({ describe, it }, 'portRouter()', {
  make: () => {
    const router = portRouter()
    router.set(4001, 'pr-1')
    router.set(4002, 'pr-2')
    return router
  },
  matches: [
    { head: { localPort: 4001, host: 'pr-2.localhost:4002' }, match: { id: 'pr-1' } },
    { head: { localPort: 4002 }, match: { id: 'pr-2' } },
  ],
  passes: [{}, { localPort: 4003 }, { host: 'localhost:4001' }],
})

describe('portRouter()', () => {
  it('follows its table', () => {
    const router = portRouter()
    const head = requestHead({ localPort: 4001 })
    expect(router.route(head)).toBeUndefined()
    router.set(4001, 'a')
    router.set(4001, 'b')
    expect(router.route(head)).toEqual({ is: 'environment', id: 'b' })
    expect(router.delete(4001)).toBe(true)
    expect(router.delete(4001)).toBe(false)
    expect(router.route(head)).toBeUndefined()
  })

  it.each([0, -1, 65_536, 1.5, Number.NaN, '80'])('refuses the port %j', (port) => {
    expect(() => portRouter().set(port as number, 'a')).toThrow(InvalidOptionError)
    expect(() => portRouter().set(port as number, 'a')).toThrow(
      /^Expected the port of an environment to be from 1 to 65535, got /,
    )
  })

  it.each(['', 'A', '../x'])('refuses the id %j', (id) => {
    const router = portRouter()
    expect(() => router.set(4001, id)).toThrow(InvalidIdError)
    expect(router.route(requestHead({ localPort: 4001 }))).toBeUndefined()
  })
})
