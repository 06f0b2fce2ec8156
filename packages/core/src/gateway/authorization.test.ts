import { describe, expect, it } from 'vitest'
import { requestHead } from '../testing/request-head.js'
import { assertLocal, assertMayStart, ownerOf } from './authorization.js'

describe('ownerOf()', () => {
  it('takes true and an allowance, with its owner', () => {
    expect(ownerOf(true, 'a')).toBeUndefined()
    expect(ownerOf({ allow: true }, 'a')).toBeUndefined()
    expect(ownerOf({ allow: true, owner: 'ann' }, 'a')).toBe('ann')
  })

  it.each([
    [false, 403, 'You may not use environment "a"'],
    [{ allow: false }, 403, 'You may not use environment "a"'],
    [{ allow: false, status: 401 }, 401, 'Environment "a" is for those who are signed in'],
    [{ allow: false, reason: 'closed on Sundays' }, 403, 'closed on Sundays'],
    // Whatever is no clear yes is a no.
    [undefined, 403, 'You may not use environment "a"'],
    [null, 403, 'You may not use environment "a"'],
    ['yes', 403, 'You may not use environment "a"'],
    [{ allow: 'true' }, 403, 'You may not use environment "a"'],
    [{ owner: 'ann' }, 403, 'You may not use environment "a"'],
    [{ allow: false, status: 200 }, 403, 'You may not use environment "a"'],
  ])('refuses %j', (answer, status, message) => {
    expect(() => ownerOf(answer as never, 'a')).toThrow(
      expect.objectContaining({ code: 'ALCOVE_NOT_AUTHORIZED', status, message }),
    )
  })
})

describe('assertMayStart()', () => {
  const link = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  const image = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'no-cors',
    'sec-fetch-dest': 'image',
  }

  it.each([
    ['a program', {}, ['refuse', 'navigations', 'allow']],
    ['the address bar', { ...link, 'sec-fetch-site': 'none' }, ['refuse', 'navigations', 'allow']],
    [
      'its own page',
      { ...image, 'sec-fetch-site': 'same-origin' },
      ['refuse', 'navigations', 'allow'],
    ],
    ["another site's link", link, ['navigations', 'allow']],
    ["another site's frame", { ...link, 'sec-fetch-dest': 'iframe' }, ['allow']],
    ["another site's image", image, ['allow']],
  ] as const)('%s may start one under the right settings', (_who, headers, settings) => {
    for (const setting of ['refuse', 'navigations', 'allow'] as const) {
      const start = (): void => assertMayStart(requestHead({ headers }), 'a', setting)
      if ((settings as readonly string[]).includes(setting)) expect(start).not.toThrow()
      else expect(start).toThrow(/another site's page may not start it/)
    }
  })

  it.each([
    ['https://evil.example', false],
    ['null', false],
    ['http://localhost', true],
  ])('without Fetch Metadata the origin %s decides', (origin, may) => {
    const start = (): void =>
      assertMayStart(requestHead({ host: 'localhost', headers: { origin } }), 'a', 'navigations')
    if (may) expect(start).not.toThrow()
    else expect(start).toThrow(/may not start it/)
  })

  it("another site's form may not, though it navigates", () => {
    const head = requestHead({ method: 'POST', headers: link })
    expect(() => assertMayStart(head, 'a', 'navigations')).toThrow(/may not start it/)
  })
})

describe('assertLocal()', () => {
  it.each([
    { remoteAddress: '127.0.0.1', host: 'a.localhost:8080' },
    { remoteAddress: '::1', host: '[::1]:8080' },
    { remoteAddress: '::ffff:127.0.0.1', host: '127.0.0.1:8080' },
    { remoteAddress: '127.9.9.9', host: 'LOCALHOST.' },
    { remoteAddress: '', host: 'localhost' },
    { remoteAddress: '127.0.0.1', host: '' },
    {
      remoteAddress: '127.0.0.1',
      host: 'localhost',
      headers: { 'x-forwarded-for': '::1, 127.0.0.1' },
    },
  ])('lets %j in', (head) => {
    expect(() => assertLocal(requestHead(head), 'a')).not.toThrow()
  })

  it.each([
    [{ remoteAddress: '192.168.1.2', host: 'localhost' }, 'a client at "192.168.1.2"'],
    [{ remoteAddress: '::ffff:10.0.0.1', host: 'localhost' }, 'a client at "::ffff:10.0.0.1"'],
    [{ remoteAddress: '127.0.0.1', host: 'evil.example' }, 'the host name "evil.example"'],
    [{ remoteAddress: '127.0.0.1', host: 'localhost.evil.example' }, 'the host name'],
    [{ remoteAddress: '127.0.0.1', host: 'notlocalhost' }, 'the host name'],
    [{ remoteAddress: '127.0.0.1', host: '127.0.0.1.evil.example' }, 'the host name'],
    [
      {
        remoteAddress: '127.0.0.1',
        host: 'localhost',
        headers: { 'x-forwarded-for': '9.9.9.9, 127.0.0.1' },
      },
      'a client behind a proxy',
    ],
    [
      { remoteAddress: '127.0.0.1', host: 'localhost', headers: { forwarded: 'for=9.9.9.9' } },
      'behind a proxy',
    ],
    [
      {
        remoteAddress: '127.0.0.1',
        host: 'localhost',
        headers: { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=9.9.9.9' },
      },
      'behind a proxy',
    ],
  ])('keeps %j out, and says why and what to do', (head, message) => {
    const enter = (): void => assertLocal(requestHead(head), 'a')
    expect(enter).toThrow(message)
    expect(enter).toThrow(/pass one of these options to serve others$/)
  })
})
