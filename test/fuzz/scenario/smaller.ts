import { coherentExchange } from './coherence.ts'
import { plainAnswer, plainRequest } from './probe.ts'
import type { Exchange, Front, Scenario, Visit } from './scenario.ts'

/**
 * Makes a failing scenario as small as it can in that time. fast-check would shrink element by element from the front, which takes
 * far too many runs where each opens dozens of sockets: most failures need one visit, and one or two exchanges.
 *
 * @param fails - Plays it. Returns what was wrong, nothing where it went well
 */
export async function smallest(
  failing: Scenario,
  fails: (scenario: Scenario) => Promise<readonly string[]>,
  timeMs: number,
): Promise<{ readonly scenario: Scenario; readonly wrong: readonly string[] | undefined }> {
  const deadline = performance.now() + timeMs
  let scenario = failing
  let wrong: readonly string[] | undefined
  let candidates = smaller(scenario)
  for (;;) {
    const next = candidates.next()
    if (next.done || performance.now() > deadline) return { scenario, wrong }
    const found = await fails(next.value)
    if (found.length === 0) continue
    scenario = next.value
    wrong = found
    candidates = smaller(scenario)
  }
}

/** Scenarios with one thing less, those with the most less first. */
function* smaller(scenario: Scenario): Generator<Scenario> {
  const { front, visits, warm } = scenario
  if (warm) yield { ...scenario, warm: false }
  for (const fewer of fewerOf(visits)) yield { ...scenario, visits: fewer }
  for (const [i, visit] of visits.entries()) {
    for (const simpler of simplerVisits(visit, front)) {
      yield { ...scenario, visits: visits.with(i, simpler) }
    }
  }
}

function* simplerVisits(visit: Visit, front: Front): Generator<Visit> {
  const { exchanges } = visit
  for (const fewer of fewerOf(exchanges)) yield { ...visit, exchanges: fewer }
  for (const plain of [
    { leaving: 'stays' },
    { afterOthers: false },
    { pipelined: false },
  ] as const) {
    if (differs({ ...visit, ...plain }, visit)) yield { ...visit, ...plain }
  }
  for (const [i, exchange] of exchanges.entries()) {
    for (const simpler of simplerExchanges(exchange)) {
      const coherent = coherentExchange(simpler, front)
      if (differs(coherent, exchange)) yield { ...visit, exchanges: exchanges.with(i, coherent) }
    }
  }
}

function* simplerExchanges(exchange: Exchange): Generator<Exchange> {
  const { request, answer } = exchange
  yield { ...exchange, request: plainRequest, answer: plainAnswer }
  yield { ...exchange, request: plainRequest }
  yield { ...exchange, answer: plainAnswer }
  yield { ...exchange, abort: undefined }
  yield { ...exchange, stopsReading: undefined }
  yield { ...exchange, environment: 'tcp' }
  for (const name of [
    'flaw',
    'tunnel',
    'extras',
    'pace',
    'target',
    'version',
    'framing',
    'method',
  ] as const) {
    yield { ...exchange, request: { ...request, [name]: plainRequest[name] } }
  }
  for (const name of [
    'fault',
    'stopsReading',
    'interims',
    'trailers',
    'pace',
    'after',
    'when',
    'version',
    'status',
    'framing',
  ] as const) {
    yield { ...exchange, answer: { ...answer, [name]: plainAnswer[name] } }
  }
  for (const extra of request.extras) {
    const kept = request.extras.filter((each) => each !== extra)
    yield { ...exchange, request: { ...request, extras: kept } }
  }
  for (const size of [0, 1, 100, 1000, 65_536]) {
    if (size < request.size) yield { ...exchange, request: { ...request, size } }
    if (size < answer.size) yield { ...exchange, answer: { ...answer, size } }
    if (request.tunnel && size < request.tunnel.up) {
      yield { ...exchange, request: { ...request, tunnel: { ...request.tunnel, up: size } } }
    }
    if (request.tunnel && size < request.tunnel.down) {
      yield { ...exchange, request: { ...request, tunnel: { ...request.tunnel, down: size } } }
    }
  }
}

/** Each alone, then all but each. */
function* fewerOf<T>(all: readonly T[]): Generator<readonly T[]> {
  if (all.length === 1) return
  for (const one of all) yield [one]
  for (let i = 0; i < all.length; i += 1) yield all.toSpliced(i, 1)
}

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b)
}
