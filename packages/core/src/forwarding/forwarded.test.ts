import { describe, expect, it } from 'vitest'
import { Origin, addForwarded, plainAddress } from './forwarded.js'
import { RequestFields } from './request-headers.js'

interface Said {
  readonly host?: string
  readonly before?: Partial<RequestFields>
}

function added(origin: Origin, { host, before = {} }: Said): Record<string, string> {
  const fields = Object.assign(new RequestFields(), before)
  fields.host = host
  addForwarded(fields, origin, '', true)
  const pairs: [string, string][] = []
  for (let i = 0; i < fields.flat.length; i += 2)
    pairs.push([fields.flat[i] ?? '', fields.flat[i + 1] ?? ''])
  return Object.fromEntries(pairs)
}

describe('what a request is said to come from', () => {
  it.each([
    ['a', false, '80', 'for=192.0.2.1;host=a;proto=http'],
    ['a', true, '443', 'for=192.0.2.1;host=a;proto=https'],
    ['a:8080', true, '8080', 'for=192.0.2.1;host="a:8080";proto=https'],
    ['[::1]', false, '80', 'for=192.0.2.1;host="[::1]";proto=http'],
    ['[::1]:8080', false, '8080', 'for=192.0.2.1;host="[::1]:8080";proto=http'],
    ['a:', false, '80', 'for=192.0.2.1;host="a:";proto=http'],
    ['a:999999', false, '80', 'for=192.0.2.1;host="a:999999";proto=http'],
    ['a";for=evil', false, '80', 'for=192.0.2.1;host="a\\";for=evil";proto=http'],
  ])('is told for Host %s', (host, encrypted, port, forwarded) => {
    expect(added(new Origin('192.0.2.1', encrypted, 1234, false), { host })).toEqual({
      'X-Forwarded-For': '192.0.2.1',
      'X-Forwarded-Proto': encrypted ? 'https' : 'http',
      'X-Forwarded-Host': host,
      'X-Forwarded-Port': port,
      Forwarded: forwarded,
    })
  })

  it('has IPv6 quoted and in brackets in Forwarded alone', () => {
    const fields = added(new Origin('2001:db8::1', false, 1234, false), { host: 'a' })
    expect(fields['X-Forwarded-For']).toBe('2001:db8::1')
    expect(fields['Forwarded']).toBe('for="[2001:db8::1]";host=a;proto=http')
  })

  it('is not known over a Unix socket, nor told by anybody else', () => {
    const origin = new Origin(undefined, false, undefined, false)
    expect(added(origin, { before: { forwardedFor: '203.0.113.9', forwardedHost: 'x' } })).toEqual({
      'X-Forwarded-Proto': 'http',
      Forwarded: 'for=unknown;proto=http',
    })
  })

  it('keeps what a trusted peer said, also where there is nothing to add', () => {
    const origin = new Origin('192.0.2.1', false, 1234, true)
    const before = { forwardedFor: '203.0.113.9', forwardedHost: 'outside', forwarded: '' }
    expect(added(origin, { before })).toEqual({
      'X-Forwarded-For': '203.0.113.9, 192.0.2.1',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Host': 'outside',
      'X-Forwarded-Port': '1234',
      Forwarded: 'for=192.0.2.1;proto=http',
    })
  })

  it('follows the Host from request to request on one connection', () => {
    const origin = new Origin('192.0.2.1', false, 1234, false)
    for (const host of ['a', 'b:81', 'a', undefined, 'a']) {
      const fields = added(origin, host === undefined ? {} : { host })
      expect(fields['X-Forwarded-Host']).toBe(host)
      expect(fields['X-Forwarded-Port']).toBe(host === 'b:81' ? '81' : host ? '80' : '1234')
    }
  })
})

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '::ffff:c000:201'],
  ['fe80::1%eth0', 'fe80::1'],
  ['', undefined],
  [undefined, undefined],
])('the plain address of %s is %s', (address, plain) => {
  expect(plainAddress(address)).toBe(plain)
})
