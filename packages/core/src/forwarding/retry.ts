/** What is known of an attempt that failed. */
export interface Attempt {
  readonly method: string
  readonly hasBody: boolean
  /** The connection had carried a request before, so the environment may have given it up meanwhile. */
  readonly reusedConnection: boolean
  /** Any byte of an answer came. */
  readonly answerBegan: boolean
  readonly isRetry: boolean
}

// RFC 9110 §9.2.2: the safe methods, PUT and DELETE.
const idempotent = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
])

/** Whether a request may be sent a second time though the first may have arrived. */
export function mayRetry(attempt: Attempt): boolean {
  return (
    attempt.reusedConnection &&
    !attempt.answerBegan &&
    !attempt.isRetry &&
    !attempt.hasBody &&
    idempotent.has(attempt.method)
  )
}
