import { isBodiless } from '../wire/answer-bytes.ts'
import { plainAnswer, plainRequest } from './probe.ts'
import type { Exchange, Pace, Scenario, Stop, Visit } from './scenario.ts'

/** A scenario in words, for whoever has to find out what went wrong in it. */
export function describeScenario({ front, warm, visits }: Scenario): string {
  const over = front === 'http1' ? 'HTTP/1.1' : 'HTTP/2'
  return [
    ...(warm ? ['The environments have been asked before.'] : []),
    ...visits.flatMap((visit, i) => describeVisit(visit, i, over)),
  ].join('\n')
}

function describeVisit(visit: Visit, index: number, over: string): string[] {
  const { afterOthers, pipelined, exchanges, leaving } = visit
  const name = `v${String(index).padStart(2, '0')}`
  const when = index === 0 ? '' : afterOthers ? ', once those above are over' : ', at the same time'
  const order = exchanges.length === 1 ? '' : pipelined ? ', all requests at once' : ', one by one'
  return [
    `A client connects over ${over}${when}${order}:`,
    ...exchanges.flatMap((exchange, i) =>
      describeExchange(exchange, `${name}e${String(i).padStart(2, '0')}`),
    ),
    leaving === 'stays' ? '  then it stays connected' : `  then it leaves by ${leaving}`,
  ]
}

function describeExchange(exchange: Exchange, token: string): string[] {
  const { environment, request, answer, abort, stopsReading } = exchange
  const asked = [
    `${request.method} (${request.target}, HTTP/${request.version}) to ${environment}`,
    request.framing !== 'none' && `body of ${request.size} by ${request.framing}`,
    request.framing === 'none' && request.size > 0 && `size ${request.size}`,
    request.extras.length > 0 && `with ${request.extras.join(', ')}`,
    request.flaw !== undefined && `FLAW: ${request.flaw}`,
    ...describePace(request.pace, plainRequest.pace),
    abort && `the client leaves ${abort.when} by ${abort.how}`,
    describeStop('the client', stopsReading),
  ]
  const { tunnel } = request
  const upgraded = tunnel && [
    `WebSocket, ${tunnel.accepted ? 'accepted' : 'refused'}`,
    `${tunnel.up} bytes up, ${tunnel.down} down${tunnel.framed ? ', in a frame' : ''}`,
    tunnel.early && 'some at once',
    `the ${tunnel.ends} ends it by ${tunnel.how}`,
  ]
  const said = [
    `HTTP/${answer.version} ${answer.status}${answer.interims.map((status) => ` after ${status}`).join('')}`,
    isBodiless(request.method, answer.status)
      ? `no body, ${answer.size} by ${answer.framing}`
      : `body of ${answer.size} by ${answer.framing}`,
    answer.when !== plainAnswer.when && `when: ${answer.when}`,
    answer.trailers && 'trailers',
    answer.fault !== undefined && `FAULT: ${answer.fault}`,
    answer.after !== 'keep' && `the connection then: ${answer.after}`,
    ...describePace(answer.pace, plainAnswer.pace),
    describeStop('the environment', answer.stopsReading),
  ]
  return [
    `  ${token}: ${listed(asked)}`,
    ...(upgraded ? [`    ${listed(upgraded)}`] : []),
    `    answered: ${listed(said)}`,
  ]
}

function describePace({ cuts, pause }: Pace, usual: Pace): string[] {
  if (cuts.length === usual.cuts.length) return []
  const between = pause === 'peer' ? 'until the other side has it' : `${pause} turns`
  return [`cut at ${cuts.join(', ')} thousandths, between them ${between}`]
}

function describeStop(who: string, stop: Stop | undefined): string | undefined {
  return stop && `${who} stops reading after ${stop.afterBytes} bytes for ${stop.turns} turns`
}

function listed(parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined).join('; ')
}
