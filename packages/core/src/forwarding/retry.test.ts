import { expect, it } from 'vitest'
import { mayRetry } from './retry.js'

const attempt = {
  method: 'GET',
  hasBody: false,
  reusedConnection: true,
  answerBegan: false,
  isRetry: false,
}

it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])('%s may be sent twice', (method) => {
  expect(mayRetry({ ...attempt, method })).toBe(true)
})

it.each([
  { method: 'POST' },
  { method: 'PATCH' },
  { method: 'get' },
  { method: 'LOCK' },
  { hasBody: true },
  { reusedConnection: false },
  { answerBegan: true },
  { isRetry: true },
])('with %o nothing may', (difference) => {
  expect(mayRetry({ ...attempt, ...difference })).toBe(false)
})
