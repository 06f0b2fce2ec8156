import { realpathSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { folderOf } from '../fixtures/warm-bench.js'
import { locateModule } from './module-location.js'

const files = {
  'node_modules/plain/index.js': '',
  'node_modules/plain/deep/part.js': '',
  'node_modules/@scope/own/index.js': '',
  'packages/app/local.js': '',
  'packages/app/node_modules/near/index.js': '',
}

test.each([
  'plain',
  'plain/deep/part.js',
  '@scope/own',
  '@scope/own/index.js',
  'near',
  './local.js',
  '../app/local',
])('%s is where Node.js finds it', (name) => {
  const app = join(folderOf(files), 'packages/app')
  const found = realpathSync(createRequire(join(app, 'x')).resolve(name))
  const located = locateModule(name, app) ?? ''
  expect(found === located || found === `${located}.js` || dirname(found) === located).toBe(true)
})

test('is the same for all folders that lead to the same files', () => {
  const main = folderOf(files)
  const branch = folderOf({ 'packages/app/x.js': '' })
  symlinkSync(join(main, 'node_modules'), join(branch, 'node_modules'))
  const inBranch = join(branch, 'packages/app')
  expect(locateModule('plain', inBranch)).toBe(locateModule('plain', main))
  expect(locateModule('./x.js', inBranch)).not.toBe(locateModule('./x.js', main))
})

test('is told apart from nowhere, and is the name alone of what Node.js brings itself', () => {
  const folder = folderOf(files)
  expect(locateModule('near', folder)).toBeUndefined()
  expect(locateModule('./gone/x.js', folder)).toBeUndefined()
  expect(locateModule('node:http', folder)).toBe('node:http')
  expect(locateModule('fs', folder)).toBe('fs')
})
