import { type BodyEnd, type Head, valuesOf } from '../wire/message-reader.ts'
import type { ExchangeRecord } from '../record.ts'
import { pathOf } from '../wire/request-bytes.ts'
import type { EnvironmentName, Flaw } from '../scenario/scenario.ts'

// RFC 9110 §9.2.2.
const mayComeTwice = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND'])

/** With these, not even the head may get through. */
const neverArrive = new Set<Flaw | undefined>([
  'two lengths',
  'coding',
  'chunked twice',
  'space before colon',
  'no host',
  'two hosts',
  'huge head',
  'unknown method',
  'lower-case method',
  'asterisk',
  'no slash',
  'CONNECT',
  'expectation',
  'version',
  'garbage',
  'nowhere',
  'unknown environment',
])

/** Fields that are for one connection only (RFC 9110 §7.6.1), or that a client named as such. */
const neverPassed = [
  'keep-alive',
  'proxy-connection',
  'http2-settings',
  'expect',
  'trailer',
  'x-hop',
]

/** Which exchange a request is of. */
export function tokenOf({ start }: Head): string {
  return /v\d\de\d\d/.exec(start)?.[0] ?? ''
}

/** What is wrong with a request that an environment gets, and how the end of its body is told. */
export function checkArrival(
  name: EnvironmentName,
  head: Head,
  record: ExchangeRecord,
): { readonly framing: BodyEnd; readonly wrong: readonly string[] } {
  const { token, plan, arrivals } = record
  const { request } = plan
  const wrong: string[] = []
  const expect = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(`got ${token} ${what}`)
  }
  const is = (field: string, values: readonly string[]): void => {
    const got = valuesOf(head, field)
    expect(got.join('|') === values.join('|'), `with ${field}: ${JSON.stringify(got)}`)
  }
  expect(head.start === `${request.method} ${pathOf(token, request)} HTTP/1.1`, `as ${head.start}`)
  expect(plan.environment === name, `that is for ${plan.environment}`)
  expect(!neverArrive.has(request.flaw), `with ${request.flaw}`)
  expect(record.sent !== 'nothing', 'before it was sent')
  is('x-token', [token])
  is('x-latin1', request.extras.includes('latin1') ? ['caf\xe9 \xff'] : [])
  is('upgrade', request.tunnel ? ['websocket'] : [])
  for (const field of neverPassed) is(field, [])
  expect(valuesOf(head, 'host').length === 1, 'without one Host')
  if (arrivals.length > 1) {
    const bodiless =
      request.framing === 'none' || (request.framing === 'length' && request.size === 0)
    const may = mayComeTwice.has(request.method) && bodiless
    // Whoever does not read at once may see the second attempt before the first.
    const inVain = arrivals.some(({ reused, answered, socket }) => {
      return reused && !answered && !socket.writable
    })
    expect(arrivals.length === 2 && may, 'twice, which may not be repeated')
    expect(inVain, 'twice, though neither was in vain on a connection that had been used before')
  }
  const lengths = valuesOf(head, 'content-length')
  const codings = valuesOf(head, 'transfer-encoding')
  expect(lengths.length + codings.length <= 1, 'with more than one end')
  if (codings.length > 0) return { framing: 'chunked', wrong }
  const length = Number(lengths[0] ?? 0)
  expect(
    request.framing === 'none' || lengths.length > 0 || request.size === 0,
    'without its framing',
  )
  return { framing: { length }, wrong }
}
