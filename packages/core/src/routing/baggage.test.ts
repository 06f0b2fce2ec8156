import { describe, expect, it } from 'vitest'
import { requestHead } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { baggageRouter, type BaggageRouterOptions } from './baggage.js'

const baggage = (...fields: string[]): { headers: { baggage: string[] } } => ({
  headers: { baggage: fields },
})
const members = (count: number): string =>
  Array.from({ length: count }, (_, index) => `key${index}=value${index}`).join(',')

describeRouter({ describe, it }, "baggageRouter({ key: 'env' })", {
  make: () => baggageRouter({ key: 'env' }),
  matches: [
    baggage('env=pr-42'),
    baggage('userId=alice,env=pr-42,isProduction=false'),
    baggage(' \tuserId = alice ,\t env\t= \tpr-42 \t; ttl = 1 , x=y'),
    baggage('a=b , env = \tpr-42\t , x=y'),
    baggage('env=pr-42;property1;property2'),
    baggage('env=pr-42;env=pr-1'),
    baggage('a=b;env=pr-1,env=pr-42'),
    baggage('env=%70r%2d42'),
    baggage('userId=alice', 'env=pr-42'),
    baggage('env=pr-42', 'env=pr%2D42;p'),
    // What others put there wrongly is theirs.
    baggage('a="x;y",,=,;,b,env=pr-42,%'),
    baggage('a=b==env=pr-1,Env=pr-1,environment=pr-1,my-env=pr-1,env=pr-42'),
    baggage(`${members(179)},env=pr-42`),
    baggage(`a=${'x'.repeat(8_192)},env=pr-42`),
  ].map((head) => ({ head, match: { id: 'pr-42' } })),
  rejects: [
    baggage('env='),
    baggage('env'),
    baggage('env;a=b'),
    baggage('env = ;a'),
    baggage('env=PR-42'),
    baggage('env="pr-42"'),
    baggage('env=pr 42'),
    baggage('env=pr-42\u00a0'),
    baggage('env=pr-42\u00a0;a'),
    baggage('env=pr+42'),
    baggage('env=pr-42%'),
    baggage('env=%ff'),
    baggage('env=pr-42%0a'),
    baggage('env=a,env=b'),
    baggage('env=a', 'env=b'),
    baggage('env=a,env'),
    baggage('env==a'),
  ],
  passes: [
    {},
    baggage(''),
    baggage('a=b'),
    baggage('%65nv=pr-42'),
    baggage('en v=a'),
    baggage('a=env=b'),
    baggage(',;='),
  ],
})

describe('baggageRouter()', () => {
  it('says what is wrong', () => {
    const router = baggageRouter({ key: 'env' })
    expect(router.route(requestHead(baggage('env=a,env=b')))).toMatchObject({
      reason: 'The baggage has several values for env: expected one id',
    })
    expect(router.route(requestHead(baggage('env')))).toMatchObject({
      reason: "The baggage has no value for env: expected an environment's id",
    })
  })

  it.each<[unknown, string]>([
    [
      {},
      'Expected `key` of baggageRouter() to be a name of letters, digits, "-", "_" and ".", got `undefined`',
    ],
    [{ key: 'a b' }, 'got "a b"'],
    [{ name: 'env' }, 'baggageRouter() has no option "name"'],
  ])('refuses the options %j', (options, message) => {
    expect(() => baggageRouter(options as BaggageRouterOptions)).toThrow(message)
  })
})
