import { describe, expect, it } from 'vitest'
import { requestHead } from '../testing/request-head.js'
import { describeRouter } from '../testing/router-conformance.js'
import { subdomainRouter } from './subdomain.js'

const matched = (
  host: string,
  id = 'pr-42',
): { head: { host: string }; match: { id: string } } => ({
  head: { host },
  match: { id },
})
const hosts = (...names: string[]): { host: string }[] => names.map((host) => ({ host }))

for (const domain of ['dev.example.com', '*.dev.example.com', 'DEV.Example.com.']) {
  describeRouter({ describe, it }, `subdomainRouter({ domain: '${domain}' })`, {
    make: () => subdomainRouter({ domain, reserved: ['www', 'API'] }),
    matches: [
      matched('pr-42.dev.example.com'),
      matched('pr-42.dev.example.com:8080'),
      matched('pr-42.dev.example.com:'),
      matched('pr-42.dev.example.com.'),
      matched('pr-42.dev.example.com.:443'),
      matched('PR-42.Dev.EXAMPLE.com'),
      matched('dev.dev.example.com', 'dev'),
      matched('www-2.dev.example.com', 'www-2'),
    ],
    rejects: hosts(
      'a.b.dev.example.com',
      'a..dev.example.com',
      '.dev.example.com',
      '*.dev.example.com',
      'pr_42.dev.example.com',
      '-a.dev.example.com',
      `${'a'.repeat(64)}.dev.example.com`,
      'user@pr-42.dev.example.com',
      'x/pr-42.dev.example.com',
      'pr-42.dev.example.com:80@evil.example',
      'pr-42.dev.example.com:http',
      'pr-42.dev.example.com:80:80',
      'pr-1.dev.example.com, pr-2.dev.example.com',
      'pr-4%32.dev.example.com',
      'pr-\u212a.dev.example.com',
    ),
    passes: hosts(
      '',
      'dev.example.com',
      'dev.example.com.',
      'dev.example.com:8080',
      'www.dev.example.com',
      'WWW.dev.example.com:80',
      'x.api.dev.example.com',
      'evildev.example.com',
      'pr-42.example.com',
      'pr-42.dev.example.com.evil.example',
      'pr-42.dev.example.com..',
      'pr-42.dev.example.com/.',
      'user:pr-42.dev.example.com',
      '127.0.0.1',
      '127.0.0.1:8080',
      '[::1]',
      '[::1]:8080',
      '[::ffff:127.0.0.1]:8080',
      '[pr-42.dev.example.com]',
      'localhost',
    ),
  })
}

describeRouter({ describe, it }, "subdomainRouter({ domain: 'localhost' })", {
  make: () => subdomainRouter({ domain: 'localhost' }),
  matches: [matched('pr-42.localhost:8080'), matched('pr-42.localhost.:8080')],
  rejects: hosts('a.b.localhost:8080'),
  passes: hosts('localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'evillocalhost'),
})

describeRouter({ describe, it }, "subdomainRouter({ domain: 'pr-*.example.com' })", {
  make: () => subdomainRouter({ domain: 'pr-*.example.com', reserved: ['0'] }),
  matches: [matched('pr-42.example.com', '42'), matched('PR-a-b.example.com:1', 'a-b')],
  rejects: hosts(
    'pr-.example.com',
    'pr--1.example.com',
    'x.pr-42.example.com',
    'pr-4_2.example.com',
  ),
  passes: hosts(
    'pr.example.com',
    'www.example.com',
    'xpr-42.example.com',
    'pr-4.2.example.com',
    'pr-0.example.com',
    'pr-42.example.org',
  ),
})

describeRouter({ describe, it }, "subdomainRouter({ domain: 'a-*-b.example.com' })", {
  make: () => subdomainRouter({ domain: 'a-*-b.example.com' }),
  matches: [matched('a-x-b.example.com', 'x')],
  rejects: hosts('a--b.example.com'),
  // The parts around the id must not share a character.
  passes: hosts('a-b.example.com', 'a-x.example.com', 'x-b.example.com', 'b.example.com'),
})

describeRouter({ describe, it }, "subdomainRouter({ domain: '*-preview.example.com' })", {
  make: () => subdomainRouter({ domain: '*-preview.example.com' }),
  matches: [
    matched('pr-42-preview.example.com'),
    matched('x-preview-preview.example.com', 'x-preview'),
  ],
  rejects: hosts('-preview.example.com', 'a.b-preview.example.com'),
  passes: hosts('preview.example.com', 'pr-42.preview.example.com', 'a-preview-2.example.com'),
})

describe('subdomainRouter()', () => {
  it('says what is wrong', () => {
    const router = subdomainRouter({ domain: 'dev.example.com' })
    expect(router.route(requestHead({ host: 'a.b.dev.example.com' }))).toEqual({
      is: 'reject',
      status: 400,
      reason:
        'The host "a.b.dev.example.com" has too many labels: expected one, the id, in place of "*" in "*.dev.example.com"',
    })
    expect(router.route(requestHead({ host: 'a.dev.example.com:\n' }))).toEqual({
      is: 'reject',
      status: 400,
      reason: 'The host "a.dev.example.com:\\n" has a port that is no number',
    })
  })

  it.each([
    'example.com:8080',
    'http://example.com',
    '.example.com',
    '*',
    '',
    '.',
    'pr-*',
    '**.example.com',
    '*.*.example.com',
    'www.*.example.com',
    '-*.example.com',
    '*-.example.com',
    'exa mple.com',
    'example.com/',
    'müller.example',
    '127.0.0.1',
    '*.0.0.1',
    '::1',
    '[::1]',
    'a..b',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(130)}com`,
    7,
    null,
    undefined,
  ])('refuses the domain %j', (domain) => {
    expect(() => subdomainRouter({ domain: domain as string })).toThrow(
      /^Expected `domain` of subdomainRouter\(\) to be a domain such as "dev\.example\.com", .*, without a port, got /,
    )
  })

  it.each(['www', ['a.b'], [''], [7], ['a b']])('refuses %j as reserved names', (reserved) => {
    expect(() => subdomainRouter({ domain: 'localhost', reserved: reserved as string[] })).toThrow(
      /^Expected `reserved` of subdomainRouter\(\) to be a list of single names such as \["www", "api"\], got /,
    )
  })

  it('refuses to go without a domain', () => {
    const create = subdomainRouter as (options?: unknown) => unknown
    expect(() => create()).toThrow(
      /^Expected `domain` of subdomainRouter\(\) to be .*, got `undefined`$/,
    )
    expect(() => create({})).toThrow(/^Expected `domain` .*, got `undefined`$/)
    expect(() => create({ domian: 'localhost' })).toThrow('did you mean `domain`?')
  })

  it('works below a domain with underscores', () => {
    const router = subdomainRouter({ domain: 'my_stack.internal' })
    expect(router.route(requestHead({ host: 'a.my_stack.internal' }))).toEqual({
      is: 'environment',
      id: 'a',
    })
  })
})
