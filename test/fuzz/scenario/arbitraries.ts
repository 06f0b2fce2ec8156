import { createServer } from 'node:http'
import * as fc from 'fast-check'
import { isBodiless } from '../wire/answer-bytes.ts'
import {
  type AnswerPlan,
  type Exchange,
  type Flaw,
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
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'),
    target: fc.constantFrom('path', 'path', 'absolute', 'slashes', 'escapes'),
    version: fc.oneof(
      { arbitrary: fc.constant('1.1' as const), weight: 9 },
      fc.constant('1.0' as const),
    ),
    framing: fc.constantFrom('none', 'length', 'chunked'),
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

/** What flaws of the start line make of the method. */
const methodsOf: Partial<Record<Flaw, string>> = {
  'unknown method': 'POST',
  'lower-case method': 'GET',
  asterisk: 'OPTIONS',
  'no slash': 'GET',
  CONNECT: 'GET',
  version: 'GET',
  garbage: 'GET',
}

// Before 22.21 and 24.9, Node.js lets go of the connection of any request that offers an upgrade, whatever came before it.
const readsOffers = 'shouldUpgradeCallback' in createServer()

/** Takes out what does not go together, so that what is printed is what happens. */
export function coherentExchange(exchange: Exchange, front: Front): Exchange {
  const request = coherentRequest(exchange.request, front)
  const answer = coherentAnswer(exchange.answer, { ...exchange, request })
  if (!request.tunnel || answer.fault === undefined) return { ...exchange, request, answer }
  const refused = { ...request.tunnel, accepted: false }
  return { ...exchange, request: { ...request, tunnel: refused }, answer }
}

function coherentRequest(plan: RequestPlan, front: Front): RequestPlan {
  if (front === 'http2') return { ...plan, version: '1.1', ...bodyOf(plan) }
  if (plan.tunnel) {
    const kept = plan.extras.filter((extra) => extra === 'latin1' || extra === 'cookies')
    return {
      ...plan,
      method: 'GET',
      version: '1.1',
      framing: 'none',
      size: 0,
      extras: kept,
      flaw: undefined,
    }
  }
  // Chunks are for HTTP/1.1 (RFC 9112 §6.1).
  const framing = plan.version === '1.0' && plan.framing === 'chunked' ? 'length' : plan.framing
  const { flaw } = plan
  const method = flaw === undefined ? plan.method : (methodsOf[flaw] ?? plan.method)
  const version = flaw === undefined ? plan.version : '1.1'
  // Node.js takes two expectations for the one that it knows, and is blind to what is wrong behind an offer of h2c.
  const kept = plan.extras.filter(
    (extra) =>
      (readsOffers || extra !== 'h2c') && (!flaw || (extra !== 'expect' && extra !== 'h2c')),
  )
  return { ...plan, method, version, extras: kept, ...bodyOf({ ...plan, framing }) }
}

function bodyOf(plan: RequestPlan): Pick<RequestPlan, 'framing' | 'size'> {
  return { framing: plan.framing, size: plan.framing === 'none' && !plan.flaw ? 0 : plan.size }
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
  fault: seldom(fc.constantFrom(...faults), 4),
  stopsReading: seldom(stop, 6),
})

function coherentAnswer(plan: AnswerPlan, { request, environment }: Exchange): AnswerPlan {
  const bodiless = isBodiless(request.method, plan.status)
  const { fault, after } = plan
  switch (fault) {
    case undefined:
      return coherentFraming({
        ...plan,
        after: plan.framing === 'close' && after === 'keep' ? 'close' : after,
      })
    case 'truncated chunk':
    case 'bad chunk':
      return bodiless
        ? coherentFraming({ ...plan, fault: undefined })
        : { ...plan, framing: 'chunked', version: '1.1', after: 'keep' }
    case 'dies in body':
    case 'resets in body':
    case 'short length': {
      if (bodiless) return coherentFraming({ ...plan, fault: undefined })
      // Where the end of the connection is the end of the body, only a reset cuts it, and a Unix socket has none.
      const untilClose = plan.framing === 'close' || plan.version === '1.0'
      const tells = !untilClose || (fault === 'resets in body' && environment !== 'unix')
      const framing = tells && fault !== 'short length' ? plan.framing : 'length'
      return coherentFraming({ ...plan, framing, size: Math.max(plan.size, 2), after: 'keep' })
    }
    case 'holds on':
      return coherentFraming({
        ...plan,
        fault: bodiless ? 'holds back' : fault,
        size: Math.max(plan.size, 2),
        after: 'keep',
      })
    case 'long length':
    case 'second answer':
      // What does not arrive in one piece with the answer can't be told from an answer to the next request.
      return {
        ...plan,
        framing: 'length',
        version: '1.1',
        size: Math.min(plan.size, 1000),
        after: 'keep',
        trailers: false,
      }
    default:
      return coherentFraming({ ...plan, after: 'keep' })
  }
}

function coherentFraming(plan: AnswerPlan): AnswerPlan {
  const old = plan.version === '1.0'
  const framing = old && plan.framing !== 'length' ? 'close' : plan.framing
  const chunked = framing === 'chunked' || framing === 'events'
  return {
    ...plan,
    framing,
    trailers: plan.trailers && chunked,
    interims: old ? [] : plan.interims,
  }
}

function exchanges(front: Front): fc.Arbitrary<Exchange> {
  return fc
    .record({
      environment: fc.constantFrom(...environmentNames),
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
    visits: fc.array(visit, { minLength: 1, maxLength: 6 }),
  })
}
