import { expect, test } from 'vitest'
import { AnswerReader } from '../../bench/noisy/answer-reader.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello'
const refused = 'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n'
const chunked = 'HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'

test('counts answers that arrive together', () => {
  expect(new AnswerReader().read(ok + refused + chunked + ok)).toEqual([200, 503, 502, 200])
})

test('counts an answer once, where it is complete, however it is cut', () => {
  const whole = ok + chunked + refused
  for (let cut = 1; cut < whole.length; cut += 1) {
    const reader = new AnswerReader()
    const statuses = [...reader.read(whole.slice(0, cut)), ...reader.read(whole.slice(cut))]
    expect(statuses).toEqual([200, 502, 503])
  }
  expect(new AnswerReader().read(ok.slice(0, -1))).toEqual([])
})

test('refuses what it cannot tell the end of', () => {
  expect(() => new AnswerReader().read('HTTP/1.1 200 OK\r\n\r\n')).toThrow('where it ends')
  expect(() => new AnswerReader().read('SSH-2.0\r\ncontent-length: 0\r\n\r\n')).toThrow(
    'Expected an answer',
  )
})
