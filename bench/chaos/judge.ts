import { createHash } from 'node:crypto'
import { contentOf, eventsOf } from './content.ts'
import { bodyDueMs, headDueMs, quietDueMs } from './limits.ts'
import { describePlan, type Kind, type Plan } from './plan.ts'
import type { Seen, SeenHead } from './seen.ts'
import { closeFrame, serverFrames } from './web-socket.ts'

/** What became of a request. */
export interface Judgement {
  /** In a few words, to be counted. */
  readonly outcome: string
  readonly violation: string | undefined
}

/** What a frame of a WebSocket holds in a run. */
export const frameBytes = 1_000

const named = new Set([502, 503, 504])

/**
 * Judges what a client has seen: the whole right answer, an error that names its cause, or, once there was a head, an end that nobody
 * takes for a whole answer; each in time.
 *
 * @param slackMs - How much later than due the machine may make anything.
 */
export function judge(plan: Plan, seen: Seen, slackMs: number): Judgement {
  const { outcome, violation } = judgeAnswer(plan, seen)
  const late = seen.end === 'left' ? undefined : lateness(plan, seen, slackMs)
  const wrong = [violation, late].filter((each) => each !== undefined)
  if (wrong.length === 0) return { outcome, violation: undefined }
  return { outcome, violation: `${describePlan(plan)}: ${wrong.join('; ')}. ${describe(seen)}` }
}

function judgeAnswer(plan: Plan, seen: Seen): Judgement {
  const { head, end } = seen
  if (end === 'late') return violated('late', 'it had not ended when the client gave up')
  if (!head) {
    if (end === 'left') return kept('the client left')
    return violated('no answer', 'the connection ended without an answer')
  }
  const code = head.fields['x-alcove-error']
  if (code !== undefined) return judgeError(plan, seen, head, code)
  const status = plan.kind === 'socket' ? 101 : 200
  if (head.status !== status) return violated('status', `the status was ${head.status}`)
  if (head.fields['x-environment'] !== plan.id || head.fields['x-request'] !== `${plan.number}`) {
    return violated('another answer', 'it was the answer of another environment or request')
  }
  return judgeBody(plan, seen)
}

function judgeError(plan: Plan, seen: Seen, head: SeenHead, code: string): Judgement {
  const outcome = `${head.status} ${code}`
  if (seen.end === 'left') return kept('the client left')
  if (seen.end !== 'whole') return violated(outcome, 'an error was cut off')
  if (!named.has(head.status))
    return violated(outcome, 'the environment is at fault, and it says otherwise')
  let problem: Record<string, unknown> = {}
  try {
    problem = JSON.parse(seen.body.toString()) as Record<string, unknown>
  } catch {
    return violated(outcome, 'its body is no problem+json')
  }
  const { status, detail, environment } = problem
  const isRight =
    head.fields['content-type'] === 'application/problem+json' &&
    status === head.status &&
    problem['code'] === code &&
    typeof detail === 'string' &&
    detail.length > 0 &&
    (environment === plan.id || (environment === undefined && isOfGateway(code)))
  return isRight ? kept(outcome) : violated(outcome, 'it does not name its cause')
}

/** Errors that concern no environment more than another. */
function isOfGateway(code: string): boolean {
  return (
    code === 'ALCOVE_CLOSED' ||
    code === 'ALCOVE_SPAWN_FAILED' ||
    code === 'ALCOVE_SPAWNER_UNAVAILABLE'
  )
}

function judgeBody(plan: Plan, seen: Seen): Judgement {
  const expected = expectedBody(plan)
  const { body, end } = seen
  if (plan.kind === 'socket') return judgeSocket(plan, seen, expected)
  if (!isPrefix(body, expected)) return wrongBytes(plan, body, expected)
  if (end === 'left') return kept('the client left')
  if (end === 'cut') return kept('cut after its head')
  if (body.length === expected.length) return kept('whole')
  // No event is the last for a client that has not been told so (HTML §9.2.3): it connects again. But none may be cut.
  if (plan.kind === 'events' && isBetweenEvents(body))
    return kept('event stream ended between events')
  return violated('truncated', `it looks whole with ${body.length} of ${expected.length} bytes`)
}

/** A tunnel has no whole: what came has to be right, and a gateway may say that it goes away. */
function judgeSocket(plan: Plan, { body, end }: Seen, expected: Buffer): Judgement {
  const told = body.subarray(-closeFrame.length).equals(closeFrame)
  const echoed =
    told && body.length <= expected.length + closeFrame.length
      ? body.subarray(0, -closeFrame.length)
      : body
  if (!isPrefix(echoed, expected)) return wrongBytes(plan, body, expected)
  if (end === 'left') return kept('the client left')
  if (echoed.length === expected.length) return kept('whole')
  return kept(told ? 'tunnel ended with a Close' : 'cut after its head')
}

function expectedBody({ id, kind, seed, bytes }: Plan): Buffer {
  const content = (): Buffer => contentOf(id, seed, bytes)
  switch (kind) {
    case 'events':
      return Buffer.from(eventsOf(id, seed, bytes).join(''))
    case 'digest':
      return Buffer.from(createHash('sha256').update(content()).digest('hex'))
    case 'socket':
      return serverFrames(content(), frameBytes)
    default:
      return content()
  }
}

function isBetweenEvents(body: Buffer): boolean {
  return body.length === 0 || body.subarray(-2).toString() === '\n\n'
}

function isPrefix(body: Buffer, expected: Buffer): boolean {
  return body.length <= expected.length && body.equals(expected.subarray(0, body.length))
}

function wrongBytes(plan: Plan, body: Buffer, expected: Buffer): Judgement {
  const at = body.findIndex((byte, index) => byte !== expected[index])
  return violated('wrong bytes', `byte ${at} of ${body.length} is not what ${plan.id} has sent`)
}

function lateness(
  { kind }: Plan,
  { head, ms, quietMs }: Seen,
  slackMs: number,
): string | undefined {
  const headMs = head?.atMs ?? ms
  if (headMs > headDueMs + slackMs) return `its head took ${Math.round(headMs)} ms of ${headDueMs}`
  if (head?.fields['x-alcove-error'] !== undefined) return undefined
  if (hasNoEnd(kind)) {
    const dueMs = quietDueMs[kind]
    return quietMs > dueMs + slackMs
      ? `nothing came for ${Math.round(quietMs)} ms of ${dueMs}`
      : undefined
  }
  const bodyMs = ms - headMs
  return bodyMs > bodyDueMs + slackMs
    ? `it went on for ${Math.round(bodyMs)} ms of ${bodyDueMs} after its head`
    : undefined
}

function hasNoEnd(kind: Kind): kind is 'events' | 'socket' {
  return kind === 'events' || kind === 'socket'
}

function describe({ head, body, end, why, ms, reused }: Seen): string {
  const what = head ? `${head.status} ${JSON.stringify(head.fields)}` : 'no head'
  const last = JSON.stringify(body.subarray(-80).toString('latin1'))
  return `Seen after ${Math.round(ms)} ms${reused ? ' on a connection that was used before' : ''}: ${what}, ${body.length} bytes that end with ${last}, ${end} (${why})`
}

function kept(outcome: string): Judgement {
  return { outcome, violation: undefined }
}

function violated(outcome: string, violation: string): Judgement {
  return { outcome, violation }
}
