import { describe, expect, it } from 'vitest'
import { UpstreamBrokenError } from '../errors.js'
import { type AnswerContext, responseFields, trailerFields } from './response-headers.js'

const own = { authority: '127.0.0.1:3000', hostname: '127.0.0.1' }
const client: AnswerContext = {
  own,
  publicOrigin: 'https://pr.test',
  publicHost: 'pr.test',
  prefix: '',
  ownPath: '',
  rules: {
    cookieDomainRewrite: false,
    cookiePathRewrite: false,
    gatewayCookies: new Set(),
    allowSharedCookies: false,
    allowHstsSubDomains: false,
    allowClearSiteData: false,
    allowServiceWorkerScope: false,
  },
  restricted: () => {},
}
const bytes = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text, 'latin1'))

describe('the fields of an answer', () => {
  it('stay as they are where nothing speaks against it', () => {
    const raw = [
      'Set-Cookie',
      'a=1',
      'ETag',
      '"\xe4"',
      'set-cookie',
      'b=2',
      'X-A',
      '',
      'Content-Length',
      '7',
    ]
    const fields = responseFields(bytes(...raw), client)
    expect(fields.flat).toEqual(raw)
    expect(fields).toMatchObject({ contentLength: 7, eventStream: false, trailer: undefined })
  })

  it.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'TE',
    'Upgrade',
    'Trailer',
  ])('lose %s, in any case', (name) => {
    for (const spelt of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(responseFields(bytes('A', '1', spelt, 'x', 'B', '2'), client).flat).toEqual([
        'A',
        '1',
        'B',
        '2',
      ])
    }
  })

  it('lose what Connection names, but not the length', () => {
    const raw = bytes('X-A', '1', 'Connection', 'close, x-a, Content-Length', 'Content-Length', '2')
    expect(responseFields(raw, client).flat).toEqual(['Content-Length', '2'])
  })

  it('tell an event stream', () => {
    for (const type of ['text/event-stream', 'Text/Event-Stream;charset=utf-8']) {
      expect(responseFields(bytes('Content-Type', type), client).eventStream).toBe(true)
    }
    expect(responseFields(bytes('Content-Type', 'text/event'), client).eventStream).toBe(false)
  })

  it('are refused in a transfer coding that would be lost', () => {
    expect(() => responseFields(bytes('Transfer-Encoding', 'gzip, chunked'), client)).toThrow(
      UpstreamBrokenError,
    )
  })

  it.each([
    ['http://127.0.0.1:3000/a?b#c', 'https://pr.test/a?b#c'],
    ['HTTPS://127.0.0.1:3000', 'https://pr.test'],
    ['http://127.0.0.1:3000?x', 'https://pr.test?x'],
    ['http://127.0.0.1:30001/', 'http://127.0.0.1:30001/'],
    ['http://127.0.0.1/', 'http://127.0.0.1/'],
    ['http://127.0.0.1:3000.evil.test/', 'http://127.0.0.1:3000.evil.test/'],
    ['http://127.0.0.1:3000@evil.test/', 'http://127.0.0.1:3000@evil.test/'],
    ['http://x@127.0.0.1:3000/', 'http://x@127.0.0.1:3000/'],
    ['//127.0.0.1:3000/', '//127.0.0.1:3000/'],
    ['/a', '/a'],
    ['https://evil.test/?http://127.0.0.1:3000/', 'https://evil.test/?http://127.0.0.1:3000/'],
  ])('have for Location %s then %s', (value, now) => {
    expect(responseFields(bytes('Location', value), client).flat).toEqual(['Location', now])
    expect(responseFields(bytes('Location', value), { ...client, own: undefined }).flat).toEqual([
      'Location',
      value,
    ])
  })

  it.each([
    ['a=1; Domain=127.0.0.1; Path=/', 'a=1; Path=/'],
    ['a=1;domain = .127.0.0.1', 'a=1'],
    ['a=1; Domain=127.0.0.11', 'a=1; Domain=127.0.0.11'],
    ['a=1; Domain=x.127.0.0.1', 'a=1; Domain=x.127.0.0.1'],
    ['Domain=127.0.0.1; x', 'Domain=127.0.0.1; x'],
    ['a="; x"; HttpOnly', 'a="; x"; HttpOnly'],
  ])('have for Set-Cookie %s then %s', (value, now) => {
    expect(responseFields(bytes('Set-Cookie', value), client).flat).toEqual(['Set-Cookie', now])
  })
})

it('trailers are relayed, but none that would change what came before', () => {
  expect(
    trailerFields(bytes('X-Sum', '\xe4', 'Content-Length', '3', 'SET-COOKIE', 'a', 'x-sum', '2')),
  ).toEqual([
    ['X-Sum', '\xe4'],
    ['x-sum', '2'],
  ])
})
