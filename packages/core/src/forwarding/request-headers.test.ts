import { describe, expect, it } from 'vitest'
import { BadRequestError, LoopDetectedError } from '../errors.js'
import { isNamedInVia, listHas } from './headers.js'
import { requestFields } from './request-headers.js'

const rules = {
  gatewayName: 'gate',
  forwardAuthorization: true,
  gatewayCookies: new Set<string>(),
}

describe('the fields of a request', () => {
  it('stay as they are where nothing speaks against it', () => {
    const raw = [
      'Accept',
      '*/*',
      'X-A',
      '1',
      'cookie',
      'a=1',
      'x-a',
      '2',
      'Cookie',
      'b=2',
      'Teapot',
      '',
      'Via',
      '1.1 x',
    ]
    expect(requestFields(raw, rules).flat).toEqual(raw)
  })

  it.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'HTTP2-Settings',
  ])('lose %s, in any case', (name) => {
    for (const spelt of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(requestFields(['A', '1', spelt, 'x', 'B', '2'], rules).flat).toEqual([
        'A',
        '1',
        'B',
        '2',
      ])
    }
  })

  it('lose what Connection names, wherever it stands', () => {
    const raw = [
      'X-A',
      '1',
      'connection',
      'x-A , ,X-B',
      'X-B',
      '2',
      'X-C',
      '3',
      'Connection',
      'x-c',
    ]
    expect(requestFields(raw, rules).flat).toEqual([])
  })

  it('lose them in a moment, however many both are', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `a${i}`)
    const raw = ['Connection', names.join(','), ...names.flatMap((name) => [`${name}x`, ''])]
    const started = performance.now()
    expect(requestFields(raw, rules).flat).toHaveLength(40_000)
    expect(performance.now() - started).toBeLessThan(500)
    expect(requestFields(['A7', '', ...raw, 'B', '', 'a19999', ''], rules).flat).toHaveLength(
      40_002,
    )
  })

  it.each(['host', 'content-length', 'transfer-encoding'])(
    'keep %s, even where Connection names it',
    (name) => {
      const fields = requestFields(
        [
          'Host',
          'a',
          'Connection',
          name,
          ...(name.startsWith('t') ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', '5']),
        ],
        rules,
      )
      expect(fields.host).toBe('a')
      expect(fields.framing).toBe(name.startsWith('t') ? 'chunked' : 'length')
    },
  )

  it.each([
    ['trailers', ['te', 'trailers']],
    ['Trailers', ['te', 'trailers']],
    ['gzip;q=0.5, trailers;q=1', ['te', 'trailers']],
    ['gzip', []],
    ['xtrailers', []],
  ])('keep of TE: %s only that trailers are welcome', (value, flat) => {
    expect(requestFields(['TE', value], rules).flat).toEqual(flat)
  })

  it.each([
    [[], 'none'],
    [['Content-Length', '0'], 'length'],
    [['Transfer-Encoding', ' Chunked '], 'chunked'],
  ])('tell how the body ends: %j', (raw, framing) => {
    expect(requestFields(raw, rules)).toMatchObject({ framing })
  })

  it.each([
    [['Content-Length', '5', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', 'chunked', 'Content-Length', '5']],
  ])('lose the length beside chunks: %j', (raw) => {
    const fields = requestFields(raw, rules)
    expect(fields).toMatchObject({
      framing: 'chunked',
      contentLength: undefined,
      flat: [],
    })
  })

  it.each([
    [['Host', 'a', 'host', 'a']],
    [['Content-Length', '1', 'Content-Length', '2']],
    [['Transfer-Encoding', 'gzip, chunked']],
    [['Transfer-Encoding', 'identity']],
    [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
  ])('are refused where they contradict each other: %j', (raw) => {
    expect(() => requestFields(raw, rules)).toThrow(BadRequestError)
  })

  it('of HTTP/2 have no pseudo-header, one Cookie, and the Host of :authority', () => {
    const raw = [
      ':method',
      'GET',
      ':path',
      '/',
      ':authority',
      'b',
      ':scheme',
      'https',
      ':protocol',
      'websocket',
    ]
    const fields = requestFields(
      [...raw, 'host', 'a', 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2', 'cookie', 'c=3'],
      rules,
    )
    expect(fields.flat).toEqual(['cookie', 'a=1; b=2; c=3', 'x', 'y'])
    expect(fields.host).toBe('b')
  })

  it('of HTTP/2 without :authority have the Host they say', () => {
    expect(
      requestFields([':method', 'GET', 'host', 'a', 'cookie', 'a', 'cookie', 'b'], rules),
    ).toMatchObject({
      host: 'a',
      flat: ['cookie', 'a; b'],
    })
  })

  it('collect what others said about the way so far', () => {
    const fields = requestFields(
      [
        'X-Forwarded-For',
        '1',
        'x-forwarded-for',
        '2',
        'Forwarded',
        'for=1',
        'X-Forwarded-Proto',
        'a',
        'X-Forwarded-Host',
        'b',
        'X-Forwarded-Port',
        'c',
        'X-Forwarded-Prefix',
        '/d',
      ],
      rules,
    )
    expect(fields).toMatchObject({
      forwardedFor: '1, 2',
      forwarded: 'for=1',
      forwardedProto: 'a',
      forwardedHost: 'b',
      forwardedPort: 'c',
      forwardedPrefix: '/d',
      flat: [],
    })
  })

  it('show a loop', () => {
    expect(() => requestFields(['Via', '1.0 a', 'via', '1.1 gate'], rules)).toThrow(
      LoopDetectedError,
    )
  })
})

describe('Via', () => {
  it.each([
    '1.1 gate',
    '1.0 a, 1.1 gate',
    'HTTP/1.1 gate (Alcove), 1.1 b',
    '2.0\tgate',
    '1.1 (c) gate',
    '1.1 ((c) c (d (e))) gate',
    // A comment that never ends is none, nor one that never began.
    '(, 1.1 gate',
    '1.0 a), 1.1 gate',
    '((c), 1.1 gate',
  ])('%s names the gateway', (value) => {
    expect(isNamedInVia(value, rules.gatewayName)).toBe(true)
  })

  it.each([
    '1.1 gateway',
    '1.1 gate:80',
    '1.1 a (gate)',
    '1.1 a (x (1.1 gate) y, 1.1 gate)',
    'gate',
    '1.1 GATE',
  ])('%s does not', (value) => {
    expect(isNamedInVia(value, rules.gatewayName)).toBe(false)
  })

  it('is read in a moment, however it is nested', () => {
    const started = performance.now()
    expect(isNamedInVia(`${'('.repeat(64_000)}gate`, rules.gatewayName)).toBe(false)
    const nested = `${'('.repeat(32_000)}gate${')'.repeat(32_000)}`
    expect(isNamedInVia(nested, rules.gatewayName)).toBe(false)
    expect(isNamedInVia(`${nested}, 1.1 gate`, rules.gatewayName)).toBe(true)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

it('lists have tokens, not parts of tokens', () => {
  expect(listHas('keep-alive, Upgrade', 'upgrade')).toBe(true)
  expect(listHas('x-upgrade, upgrades', 'upgrade')).toBe(false)
})
