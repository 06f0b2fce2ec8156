import { describe, expect, it } from 'vitest'
import { linesOf, valuesOf } from './test-support/heads.js'
import { exchange, told } from './test-support/restricted-exchange.js'
import { Setup } from './test-support/setup.js'

describe('what is the gateway’s own is kept from environments', () => {
  it('Authorization, and whoever is not let in for it is told why', async () => {
    const { request, answer, restrictions } = await exchange(
      { sent: ['aUTHORIZATION: Basic c2VjcmV0', 'X-Kept: 1'] },
      {},
      '401 Unauthorized',
    )
    expect(valuesOf(request, 'authorization')).toEqual([])
    expect(valuesOf(request, 'x-kept')).toEqual(['1'])
    expect(valuesOf(answer, 'x-alcove-withheld')).toEqual(['authorization'])
    expect(restrictions).toEqual([
      {
        id: 'pr-1',
        generation: 1,
        field: 'authorization',
        action: 'dropped',
        option: 'forwardAuthorization',
      },
    ])
  })

  it('but for an option, and without Authorization nothing is said', async () => {
    const passed = await exchange(
      { sent: ['Authorization: Bearer x'] },
      { forwardAuthorization: true },
      '401 Unauthorized',
    )
    expect(valuesOf(passed.request, 'authorization')).toEqual(['Bearer x'])
    expect(valuesOf(passed.answer, 'x-alcove-withheld')).toEqual([])
    expect(passed.restrictions).toEqual([])
    const none = await exchange({}, {}, '401 Unauthorized')
    expect(valuesOf(none.answer, 'x-alcove-withheld')).toEqual([])
  })

  it.each([
    ['a=1; session=x; b=2', 'a=1; b=2'],
    ['session=x', undefined],
    ['session=x; a=1', 'a=1'],
    ['a=1;session =x', 'a=1'],
    ['a=1; SESSION=x; xsession=2; session2=3', 'a=1; SESSION=x; xsession=2; session2=3'],
    ['a=session; session', 'a=session'],
    ['session=1; session=2; a=3; sid=4', 'a=3'],
  ])('its own cookies: %s becomes %s', async (sent, got) => {
    const options = { gatewayCookies: ['session', 'sid'] }
    const { request } = await exchange({ sent: [`Cookie: ${sent}`] }, options)
    expect(valuesOf(request, 'cookie')).toEqual(got === undefined ? [] : [got])
  })

  it('and environments don’t set them', async () => {
    const { answer, restrictions } = await exchange(
      { answered: ['Set-Cookie: session=evil; Path=/', 'Set-Cookie: a=1', 'Set-Cookie: session'] },
      { gatewayCookies: ['session'] },
    )
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1'])
    expect(told(restrictions)).toEqual(Array(2).fill('set-cookie dropped gatewayCookies'))
  })
})

describe('a cookie without a name, which browsers send as its bare value', () => {
  it.each([
    '=session=x',
    ' =\t session=x; Path=/',
    '= session =x',
    '==session=x',
    '=session',
    'session',
  ])('is dropped where %j stands for the gateway’s own', async (value) => {
    const { answer, restrictions } = await exchange(
      { answered: [`Set-Cookie: ${value}`] },
      { gatewayCookies: ['session'] },
    )
    expect(valuesOf(answer, 'set-cookie')).toEqual([])
    expect(told(restrictions)).toEqual(['set-cookie dropped gatewayCookies'])
  })

  it.each(['=', '=;session=x', '=a=session', '=sessions=x', 'a==session=x', ''])(
    'is left where %j does not',
    async (value) => {
      const { answer } = await exchange(
        { answered: [`Set-Cookie: ${value}`] },
        { gatewayCookies: ['session'] },
      )
      expect(valuesOf(answer, 'set-cookie')).toEqual([value])
    },
  )
})

describe('a cookie for a domain that siblings share', () => {
  it.each([
    ['dev.test', ''],
    ['.dev.test', ''],
    ['DEV.Test', ''],
    ['test', ''],
    // As a browser reads it: decoded, and mapped to ASCII.
    ['%64ev.test', ''],
    ['\uff44ev.test', ''],
    ['pr-1.dev.test', '; Domain=pr-1.dev.test'],
    ['.pr-1.dev.test', '; Domain=.pr-1.dev.test'],
    ['1.dev.test', '; Domain=1.dev.test'],
    ['other.test', '; Domain=other.test'],
    ['', '; Domain='],
  ])('with Domain=%s is left with "%s"', async (domain, left) => {
    const bytes = Buffer.from(domain).toString('latin1')
    const { answer, restrictions } = await exchange({
      answered: [`Set-Cookie: a=1; Domain=${bytes}; Path=/`],
    })
    expect(valuesOf(answer, 'set-cookie')).toEqual([`a=1${left}; Path=/`])
    expect(told(restrictions)).toEqual(
      left === '' ? ['set-cookie narrowed allowSharedCookies'] : [],
    )
  })

  it.each([
    ['a=1;domain=dev.test', 'a=1'],
    ['a=1; \tDomain\t = dev.test ', 'a=1'],
    ['a=1; Domain=pr-1.dev.test; Domain=dev.test', 'a=1; Domain=pr-1.dev.test'],
    ['a=1; Domain=dev.test; Secure; Domain=.test', 'a=1; Secure'],
  ])('is found in %j', async (value, left) => {
    const { answer } = await exchange({ answered: [`Set-Cookie: ${value}`] })
    expect(valuesOf(answer, 'set-cookie')).toEqual([left])
  })

  it('is taken away unread where it is longer than any host, since reading takes the square of its length', async () => {
    const long = Array.from({ length: 4700 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('')
    const cookies = Array(8).fill(`Set-Cookie: a=1; Domain=${Buffer.from(long).toString('latin1')}`)
    const started = performance.now()
    const { answer } = await exchange({ answered: cookies as string[] })
    expect(performance.now() - started).toBeLessThan(400)
    expect(valuesOf(answer, 'set-cookie')).toEqual(Array(8).fill('a=1'))
    const edge = await exchange({
      answered: [253, 254].map((length) => `Set-Cookie: a=1; Domain=${'x'.repeat(length)}`),
    })
    expect(valuesOf(edge.answer, 'set-cookie')).toEqual([`a=1; Domain=${'x'.repeat(253)}`, 'a=1'])
  })

  it('passes with an option', async () => {
    const line = 'Set-Cookie: a=1; Domain=dev.test'
    const { answer, restrictions } = await exchange(
      { answered: [line] },
      { allowSharedCookies: true },
    )
    expect(linesOf(answer)).toContain(line)
    expect(restrictions).toEqual([])
  })

  it('is found in an answer before the answer, too', async () => {
    await using setup = await Setup.of('tcp')
    const { wire } = await setup.request('GET / HTTP/1.1\r\nHost: pr-1.dev.test\r\n\r\n')
    wire.send('HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=1; Domain=dev.test\r\n\r\n')
    expect(valuesOf(await setup.client.head(), 'set-cookie')).toEqual(['a=1'])
  })

  it('is found in the answer to a handshake', async () => {
    await using setup = await Setup.of('tcp')
    const { wire } = await setup.request(
      'GET / HTTP/1.1\r\nHost: pr-1.dev.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    wire.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: a=1; Domain=dev.test\r\n\r\n',
    )
    expect(valuesOf(await setup.client.head(), 'set-cookie')).toEqual(['a=1'])
  })

  it('is told by the host that a trusted proxy has seen', async () => {
    const sent = ['X-Forwarded-Host: pr-1.outer.test, inner.test']
    const answered = ['Set-Cookie: a=1; Domain=outer.test']
    const { answer } = await exchange({ sent, answered }, { trustProxy: true })
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1'])
    const stranger = await exchange({ sent, answered })
    expect(valuesOf(stranger.answer, 'set-cookie')).toEqual(['a=1; Domain=outer.test'])
  })
})
