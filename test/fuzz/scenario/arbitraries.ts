import * as fc from 'fast-check'
import { coherentExchange } from './coherence.ts'
import {
  type AnswerPlan,
  type Exchange,
  type Front,
  type Pace,
  type RequestPlan,
  type Scenario,
  type Stop,
  type TunnelPlan,
  type Visit,
  environmentNames,
  extras,
  faults,
  flaws,
} from './scenario.ts'

// It takes several things at once to see a request repeated that may not be, so that these are twice as likely.
const methods = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'POST', 'OPTIONS', 'PATCH', 'PROPFIND']
const often = ['dies before head', 'resets before head'] as const

/** Now and then, the rest of the time `undefined`. */
function seldom<T>(arbitrary: fc.Arbitrary<T>, oneIn: number): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { arbitrary: fc.constant(undefined), weight: oneIn - 1 },
    { arbitrary, weight: 1 },
  )
}

const sizes = fc.oneof(
  { arbitrary: fc.constantFrom(0, 1, 100, 1000), weight: 12 },
  { arbitrary: fc.integer({ min: 0, max: 20_000 }), weight: 4 },
  { arbitrary: fc.constantFrom(65_535, 65_536, 65_537), weight: 4 },
  { arbitrary: fc.constant(1_048_576), weight: 1 },
)

const pause = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant('peer' as const))

const pace: fc.Arbitrary<Pace> = fc.oneof(
  { arbitrary: fc.constant({ cuts: [], pause: 0 }), weight: 2 },
  {
    arbitrary: fc.record({
      cuts: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 4 }),
      pause,
    }),
    weight: 1,
  },
)

const stop: fc.Arbitrary<Stop> = fc.record({
  afterBytes: fc.constantFrom(0, 1, 300, 70_000),
  turns: fc.integer({ min: 1, max: 60 }),
})

const tunnel: fc.Arbitrary<TunnelPlan> = fc.record({
  accepted: fc.oneof({ arbitrary: fc.constant(true), weight: 3 }, fc.constant(false)),
  up: sizes,
  down: sizes,
  early: fc.boolean(),
  framed: fc.boolean(),
  ends: fc.constantFrom('client', 'environment'),
  how: fc.constantFrom('fin', 'fin', 'rst'),
})

function requests(front: Front): fc.Arbitrary<RequestPlan> {
  const known = front === 'http1' ? flaws : (['nowhere', 'unknown environment'] as const)
  return fc.record({
    method: fc.constantFrom(...methods),
    target: fc.constantFrom('path', 'path', 'absolute', 'slashes', 'escapes'),
    version: fc.oneof(
      { arbitrary: fc.constant('1.1' as const), weight: 9 },
      fc.constant('1.0' as const),
    ),
    framing: fc.constantFrom('none', 'none', 'length', 'chunked'),
    size: sizes,
    extras: fc.oneof(
      { arbitrary: fc.constant([]), weight: 2 },
      fc.subarray([...extras], { maxLength: 3 }),
    ),
    flaw: seldom(fc.constantFrom(...known), 8),
    tunnel: front === 'http1' ? seldom(tunnel, 8) : fc.constant(undefined),
    pace,
  })
}

const answers: fc.Arbitrary<AnswerPlan> = fc.record({
  when: fc.constantFrom('request', 'request', 'head', 'late'),
  version: fc.oneof(
    { arbitrary: fc.constant('1.1' as const), weight: 9 },
    fc.constant('1.0' as const),
  ),
  interims: fc.oneof(
    { arbitrary: fc.constant([]), weight: 3 },
    fc.array(fc.constantFrom(103, 102, 100), { maxLength: 3 }),
  ),
  status: fc.constantFrom(200, 200, 200, 201, 204, 304, 404, 413, 500),
  framing: fc.constantFrom('length', 'length', 'chunked', 'chunked', 'close', 'events'),
  size: sizes,
  trailers: fc.boolean(),
  pace,
  after: fc.oneof(
    { arbitrary: fc.constant('keep' as const), weight: 8 },
    fc.constantFrom('close', 'fin', 'rst'),
  ),
  fault: seldom(fc.constantFrom(...often, ...often, ...faults), 4),
  stopsReading: seldom(stop, 6),
})

function exchanges(front: Front): fc.Arbitrary<Exchange> {
  return fc
    .record({
      environment: fc.constantFrom('tcp', ...environmentNames),
      request: requests(front),
      answer: answers,
      abort: seldom(
        fc.record({
          when: fc.constantFrom('in answer', 'after request', 'in body', 'after head', 'in head'),
          how: fc.constantFrom('fin', 'rst', 'half'),
        }),
        6,
      ),
      stopsReading: seldom(stop, 6),
    })
    .map((exchange) => coherentExchange(exchange, front))
}

/** Whole runs. */
export function scenarios(front: Front): fc.Arbitrary<Scenario> {
  const visit: fc.Arbitrary<Visit> = fc.record({
    afterOthers: fc.boolean(),
    pipelined: fc.boolean(),
    exchanges: fc.array(exchanges(front), { minLength: 1, maxLength: front === 'http1' ? 4 : 8 }),
    leaving: fc.constantFrom('stays', 'fin', 'rst', 'half'),
  })
  return fc.record({
    front: fc.constant(front),
    warm: fc.boolean(),
    visits: fc.array(visit, { minLength: 1, maxLength: 6 }),
  })
}
