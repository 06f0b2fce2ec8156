import { expect, it } from 'vitest'
import { BadRequestError } from '../errors.js'
import { upstreamPath } from './target.js'

it.each([
  ['/a?b', '/a?b'],
  ['//a/../b', '//a/../b'],
  ['http://evil.test', '/'],
  ['http://evil.test?a', '/?a'],
  ['HTTPS://evil.test:80/a/%2e%2e?b', '/a/%2e%2e?b'],
])('%s is %s to an environment', (target, path) => {
  expect(upstreamPath(target)).toBe(path)
})

it.each(['*', '', 'a', 'evil.test:443', 'ftp://evil.test/', 'javascript:1'])(
  '%j is refused',
  (target) => {
    expect(() => upstreamPath(target)).toThrow(BadRequestError)
  },
)
