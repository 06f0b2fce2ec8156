import { faultFate, isBodiless, isUnreliable } from './wire/answer-bytes.ts'
import type { ExchangeRecord } from './record.ts'
import type { Exchange, Scenario, Visit } from './scenario/scenario.ts'

/** What is wrong with what became of an exchange, `undefined` where nothing is, or where nothing can be said of it. */
export function verdict(
  scenario: Scenario,
  visit: Visit,
  records: readonly ExchangeRecord[],
  index: number,
): string | undefined {
  const record = records[index]
  if (!record || record.sent === 'nothing' || isDisturbed(scenario, visit, index)) return undefined
  const { outcome, token, plan } = record
  // Over HTTP/1.1, what came before may have ended the connection.
  const ended = records.slice(0, index).some((before) => before.last || !before.whole)
  if (scenario.front === 'http1' && outcome.is === 'nothing' && ended) return undefined
  const { answer, request } = plan
  // The second time, an environment does everything right.
  const again = record.arrivals.length > 1
  const fate = answer.fault === undefined || again ? 'whole' : faultFate(answer.fault)
  const failed = outcome.is === 'own' && outcome.whole && outcome.status === 502
  const tunnel = request.tunnel ? `, whole at ${JSON.stringify(record.tunnelWhole)}` : ''
  const got = `The client of ${token} got ${JSON.stringify(outcome)}${tunnel}`
  switch (fate) {
    case 'held':
      return undefined
    case 'error':
      return failed ? undefined : `${got}, not an error of the gateway`
    case 'cut':
      return outcome.is === 'answer' && outcome.whole
        ? `${got} as if it were whole, though it was cut`
        : undefined
    case 'whole':
      // A reset takes along what was not read before it.
      if (isWhole(record) || answer.after === 'rst') return undefined
      if (request.tunnel?.accepted && request.tunnel.how === 'rst') return undefined
      if ((failed || again) && !isReliable(scenario, plan)) return undefined
      // Node.js leaves the body in the socket, or not, by its version.
      if (request.extras.includes('h2c') && request.framing !== 'none') return undefined
      return `${got}, not the whole answer`
  }
}

function isWhole({ plan, outcome, trailer, tunnelWhole }: ExchangeRecord): boolean {
  const { request, answer } = plan
  if (outcome.is !== 'answer') return false
  if (request.tunnel?.accepted) {
    return tunnelWhole.client && tunnelWhole.environment
  }
  const bodiless = isBodiless(request.method, answer.status)
  const trailers = answer.trailers && !bodiless && request.version === '1.1'
  return outcome.whole && outcome.bytes === (bodiless ? 0 : answer.size) && (trailer || !trailers)
}

/** Whether the client itself is the reason for whatever becomes of an exchange. */
function isDisturbed({ front }: Scenario, visit: Visit, index: number): boolean {
  const { exchanges, pipelined } = visit
  const itself = exchanges[index]
  if (!itself || itself.abort || itself.request.flaw !== undefined) return true
  // Node.js lets go of a connection at a handshake, whatever is still to be answered on it.
  if (pipelined && exchanges.findLastIndex(({ request }) => request.tunnel) > 0) return true
  return exchanges.some((other, i) => {
    if (front === 'http2') return other.abort !== undefined && other.abort.how !== 'fin'
    if (i > index && !pipelined) return false
    // Whoever waits in vain leaves.
    return other.abort !== undefined || other.request.flaw !== undefined || isHeld(other)
  })
}

function isHeld({ answer }: Exchange): boolean {
  return answer.fault !== undefined && faultFate(answer.fault) === 'held'
}

/** Whether no connection to the environment ends unannounced, or has something left in it, under the next request. */
function isReliable({ visits }: Scenario, { environment }: Exchange): boolean {
  return !visits
    .flatMap(({ exchanges }) => exchanges)
    .some((exchange) => exchange.environment === environment && isUnreliable(exchange.answer))
}
