import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'

// `npm run test:matrix` says which version it means to test.
const wanted = process.env['ALCOVE_EXPECTED_NODE'] ?? '\\d+'

it('runs on the Node.js that it is meant to, which is not always the machine’s own', () => {
  expect(process.versions.node).toMatch(new RegExp(`^${wanted}(\\.|$)`))
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  expect(major * 1000 + minor).toBeGreaterThanOrEqual(22_019)
})

it('starts programs with the same', () => {
  expect(execFileSync('node', ['--version'], { encoding: 'utf8' }).trim()).toBe(process.version)
})
