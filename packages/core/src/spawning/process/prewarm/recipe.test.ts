import { chmodSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { folderOf } from '../fixtures/warm-bench.js'
import { type RecipeParts, recipeFor } from './recipe.js'

const folder = (): string =>
  folderOf({ 'node_modules/own/index.js': '', 'server.js': '', 'own/node': '#!/bin/sh\n' })

function recipeIn(
  cwd: string,
  node = process.execPath,
  variables: RecipeParts['variables'] = {},
): ReturnType<typeof recipeFor> {
  return recipeFor({
    command: { node, flags: [], entry: 'server.js', args: [] },
    prewarm: { preload: ['own'] },
    cwd,
    inheritEnv: ['PATH', 'INHERITED', 'NPM_*'],
    variables,
  })
}

const keyOf = (...args: Parameters<typeof recipeIn>): string => {
  const recipe = recipeIn(...args)
  return typeof recipe === 'string' ? `no recipe: ${recipe}` : recipe.key
}

test('is the same whatever an environment’s own variables, PATH and port are', () => {
  const cwd = folder()
  const variables = { PORT: '1', API: 'x', PATH: '/bin', INHERITED: 'a', ALCOVE_INSTANCE: 'x' }
  const others = { INHERITED: 'a', PATH: '/usr/bin', PORT: '2', ALCOVE_REPORT: 'y' }
  expect(keyOf(cwd, undefined, variables)).toBe(keyOf(cwd, undefined, others))
  expect(recipeIn(cwd, undefined, variables)).toMatchObject({
    variables: { PATH: '/bin', INHERITED: 'a' },
  })
})

test.each([
  'INHERITED',
  'NPM_TOKEN',
  'NODE_ENV',
  'TZ',
  'LC_ALL',
  'DEBUG',
  'HOME',
  'LD_PRELOAD',
  'UV_THREADPOOL_SIZE',
])('is another with another %s', (name) => {
  const cwd = folder()
  expect(keyOf(cwd, undefined, { [name]: 'a' })).not.toBe(keyOf(cwd, undefined, { [name]: 'b' }))
})

test('is of the program that PATH leads to, and of none that chooses by the folder', () => {
  const cwd = folder()
  const PATH = dirname(process.execPath)
  expect(recipeIn(cwd, 'node', { PATH })).toMatchObject({ argv0: 'node' })
  chmodSync(join(cwd, 'own/node'), 0o755)
  expect(recipeIn(cwd, './own/node')).toMatch(/^".\/own\/node" leads to no program of Node.js, but/)
  symlinkSync('/bin/true', join(cwd, 'node22'))
  expect(recipeIn(cwd, './node22')).toMatch(/leads to no program of Node.js/)
  expect(recipeIn(cwd, 'node', { PATH: '/nowhere' })).toMatch(/leads to no program of Node.js/)
})

test('is none with flags in NODE_OPTIONS that are read as a process is started', () => {
  expect(recipeIn(folder(), undefined, { NODE_OPTIONS: '--inspect=0' })).toMatch(/"--inspect"/)
})
