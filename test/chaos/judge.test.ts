import { expect, it } from 'vitest'
import { contentOf, eventsOf } from '../../bench/chaos/content.ts'
import { judge } from '../../bench/chaos/judge.ts'
import { bodyDueMs, headDueMs } from '../../bench/chaos/limits.ts'
import { type Plan, planOf } from '../../bench/chaos/plan.ts'
import type { Seen } from '../../bench/chaos/seen.ts'
import { closeFrame, serverFrames } from '../../bench/chaos/web-socket.ts'

const plan: Plan = { ...planOf(1, 7, ['a']), kind: 'chunked', bytes: 1000, seed: 5 }
const content = contentOf('a', 5, 1000)
const fields = { 'x-environment': 'a', 'x-request': '7' }
const whole: Seen = {
  head: { status: 200, fields, atMs: 10 },
  body: content,
  end: 'whole',
  why: '',
  ms: 20,
  quietMs: 5,
  reused: false,
}
const problem = {
  status: 502,
  code: 'ALCOVE_UPSTREAM_BROKEN',
  detail: 'It broke',
  environment: 'a',
}
const error: Seen = {
  ...whole,
  head: {
    status: 502,
    fields: { 'x-alcove-error': problem.code, 'content-type': 'application/problem+json' },
    atMs: 10,
  },
  body: Buffer.from(JSON.stringify(problem)),
}
const events = Buffer.from(eventsOf('a', 5, 9).join(''))

it.each([
  ['the whole answer', plan, whole],
  ['a part of it, cut', plan, { ...whole, body: content.subarray(0, 10), end: 'cut' }],
  ['an error', plan, error],
  ['nothing, by choice', plan, { ...whole, head: undefined, end: 'left' }],
  ['some events', { ...plan, kind: 'events', bytes: 9 }, { ...whole, body: firstEvents(4) }],
  [
    'a tunnel that was told to end',
    { ...plan, kind: 'socket', bytes: 3_000 },
    {
      ...whole,
      head: { status: 101, fields, atMs: 10 },
      body: Buffer.concat([
        serverFrames(contentOf('a', 5, 3_000), 1_000).subarray(0, 1_004),
        closeFrame,
      ]),
      end: 'cut',
    },
  ],
] satisfies [string, Plan, Seen][])('takes %s', (_what, asked, seen) => {
  expect(judge(asked, seen, 0)).toHaveProperty('violation', undefined)
})

it.each([
  ['a part that looks whole', { ...whole, body: content.subarray(0, 10) }],
  ['nothing that looks whole', { ...whole, body: Buffer.alloc(0) }],
  ['other bytes', { ...whole, body: contentOf('b', 5, 1000), end: 'cut' }],
  ['more bytes', { ...whole, body: Buffer.concat([content, content]) }],
  ['the answer to another request', withFields({ ...fields, 'x-request': '8' })],
  ['the answer of another environment', withFields({ ...fields, 'x-environment': 'b' })],
  ['an end without an answer', { ...whole, head: undefined, end: 'cut' }],
  ['an error without its cause', { ...error, body: Buffer.from('{}') }],
  ['an error of another environment', errorWith({ environment: 'b' })],
  ['an error that is cut', { ...error, end: 'cut' }],
  ['a head that is late', { ...whole, head: { status: 200, fields, atMs: headDueMs + 1 } }],
  ['a body that is late', { ...whole, ms: 10 + bodyDueMs + 1 }],
  ['no end', { ...whole, end: 'late' }],
] satisfies [string, Seen][])('does not take %s', (_what, seen) => {
  expect(judge(plan, seen, 0).violation).toContain('request 7')
})

it('does not take an event that is cut and looks whole', () => {
  const asked: Plan = { ...plan, kind: 'events', bytes: 9 }
  const seen: Seen = { ...whole, body: events.subarray(0, events.length - 20) }
  expect(judge(asked, seen, 0).violation).toContain('looks whole')
})

it('makes the same request of the same number, and others of others', () => {
  expect(planOf(3, 4, ['a', 'b'])).toEqual(planOf(3, 4, ['a', 'b']))
  expect(planOf(3, 4, ['a', 'b'])).not.toEqual(planOf(3, 5, ['a', 'b']))
  expect(planOf(2, 4, ['a', 'b'])).not.toEqual(planOf(3, 4, ['a', 'b']))
})

function firstEvents(count: number): Buffer {
  return Buffer.from(eventsOf('a', 5, 9).slice(0, count).join(''))
}

function withFields(other: Readonly<Record<string, string>>): Seen {
  return { ...whole, head: { status: 200, fields: other, atMs: 10 } }
}

function errorWith(other: object): Seen {
  return { ...error, body: Buffer.from(JSON.stringify({ ...problem, ...other })) }
}
