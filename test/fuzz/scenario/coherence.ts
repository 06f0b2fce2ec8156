import { createServer } from 'node:http'
import { isBodiless } from '../wire/answer-bytes.ts'
import type { AnswerPlan, Exchange, Flaw, Front, RequestPlan } from './scenario.ts'

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
  // Node.js reads no body of what it refuses itself before that has had its turn, nor then the end of a connection behind it.
  if (plan.flaw === 'expectation') return { framing: 'none', size: 0 }
  return { framing: plan.framing, size: plan.framing === 'none' && !plan.flaw ? 0 : plan.size }
}

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
