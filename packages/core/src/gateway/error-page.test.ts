import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { BackingOffError, EnvironmentNotFoundError, InstanceGoneError } from '../errors.js'
import { errorAnswer } from './error-page.js'
import type { FrontRequest } from '../forwarding/messages.js'

const asked = (headers: IncomingHttpHeaders = {}, method = 'GET'): FrontRequest =>
  ({ headers, method }) as FrontRequest
const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const gone = new InstanceGoneError('Environment "a" exited with code 1', {
  id: 'a',
  exit: { reason: 'exited', exitCode: 1 },
  lastLogLines: ['<script>alert(1)</script>'],
})

describe('errorAnswer()', () => {
  it('is problem+json that says what, which and when to try again', () => {
    const error = new BackingOffError('It broke', { id: 'a', retryAfterMs: 1_200 })
    const { status, headers, body } = errorAnswer(asked(), error, false)
    expect(status).toBe(503)
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '2',
      'cache-control': 'no-store',
      'x-alcove-error': 'ALCOVE_BACKING_OFF',
    })
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Not available now',
      status: 503,
      detail: 'It broke',
      code: 'ALCOVE_BACKING_OFF',
      environment: 'a',
      retryAfterMs: 1_200,
    })
  })

  it.each([
    ['a browser that navigates', browser, 'GET', true],
    ['one that says so', { ...browser, 'sec-fetch-dest': 'document' }, 'GET', true],
    ['a script of a page', { ...browser, 'sec-fetch-dest': 'script' }, 'GET', false],
    ['an XHR', { accept: '*/*' }, 'GET', false],
    ['a form that is sent', browser, 'POST', false],
  ])('answers %s with a page: %s', (_who, headers, method, page) => {
    const answer = errorAnswer(asked(headers, method), new EnvironmentNotFoundError('a'), false)
    expect(answer.headers['content-type']!.startsWith('text/html')).toBe(page)
  })

  it('shows log lines only where the host allows it, and never as markup', () => {
    expect(errorAnswer(asked(browser), gone, false).body).not.toContain('alert')
    expect(errorAnswer(asked(), gone, false).body).not.toContain('alert')
    const { body } = errorAnswer(asked(browser), gone, true)
    expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(body).not.toContain('<script')
  })

  it('tells nothing of an error that is not its own', () => {
    const { status, body } = errorAnswer(asked(), new Error('password is hunter2'), true)
    expect(status).toBe(500)
    expect(body).not.toContain('hunter2')
  })
})
