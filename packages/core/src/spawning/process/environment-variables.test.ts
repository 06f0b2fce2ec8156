import { expect, test } from 'vitest'
import { defaultInheritEnv, environmentVariables, outerMarkers } from './environment-variables.js'
import type { ProcessRun } from './run.js'

const variablesOf = (
  run: Partial<ProcessRun>,
  host: Record<string, string> = {},
  inheritEnv: readonly string[] = defaultInheritEnv,
  preload = '/preload.cjs',
): Record<string, string> =>
  environmentVariables({
    host,
    inheritEnv,
    run: { command: ['x'], ...run },
    id: 'pr-1',
    port: '/folder/s',
    instanceToken: 'instance',
    hostToken: 'host',
    ...(run.listen === 'reported-port' ? { report: { folder: '/folder', preload } } : {}),
  })

test('what is on the list is inherited, and nothing else of the host', () => {
  const host = {
    PATH: '/bin',
    HOME: '/root',
    LC_TIME: 'C',
    TZ: 'UTC',
    AWS_SECRET_ACCESS_KEY: 'secret',
    GITHUB_TOKEN: 'secret',
    DATABASE_URL: 'secret',
    HTTP_PROXY: 'http://user:secret@proxy',
    NODE_OPTIONS: '--inspect',
    NODE_ENV: 'production',
    PATHOLOGICAL: 'x',
    ALCOVE_REPORT: '/elsewhere',
  }
  expect(variablesOf({}, host)).toEqual({
    ALCOVE_INSTANCE: 'instance',
    ALCOVE_HOST: 'host',
    PATH: '/bin',
    HOME: '/root',
    LC_TIME: 'C',
    TZ: 'UTC',
    PORT: '/folder/s',
  })
})

test('names and prefixes can be chosen; NODE_OPTIONS by its name alone', () => {
  const host = {
    PATH: '/bin',
    NODE_OPTIONS: '--inspect',
    NODE_ENV: 'test',
    NPM_TOKEN: 't',
    ALCOVE_X: 'x',
  }
  expect(variablesOf({}, host, ['NODE_*', 'ALCOVE_*'])).toMatchObject({ NODE_ENV: 'test' })
  expect(variablesOf({}, host, ['NODE_*', 'ALCOVE_*'])).not.toHaveProperty('NODE_OPTIONS')
  expect(variablesOf({}, host, ['NODE_*', 'ALCOVE_*'])).not.toHaveProperty('ALCOVE_X')
  expect(variablesOf({}, host, ['NODE_*'])).not.toHaveProperty('PATH')
  expect(variablesOf({}, host, ['NODE_OPTIONS'])).toHaveProperty('NODE_OPTIONS', '--inspect')
})

test("the run's own variables win over inherited ones, with {port} and {id} filled in", () => {
  const run = { env: { PATH: '/own', URL: 'unix:{port}?{id}' } }
  expect(variablesOf(run, { PATH: '/bin' })).toMatchObject({
    PATH: '/own',
    URL: 'unix:/folder/s?pr-1',
  })
})

test('a TCP server is asked to listen on loopback, unless the run says otherwise', () => {
  expect(variablesOf({})).not.toHaveProperty('HOST')
  expect(variablesOf({ listen: 'picked-port' })).toHaveProperty('HOST', '127.0.0.1')
  expect(variablesOf({ listen: 'reported-port' })).toHaveProperty('HOST', '127.0.0.1')
  expect(variablesOf({ listen: 'picked-port', env: { HOST: '::1' } })).toHaveProperty('HOST', '::1')
})

test('the preload joins the NODE_OPTIONS of the run, quoted where it has to be', () => {
  const reported = { listen: 'reported-port' } as const
  expect(variablesOf(reported)).toMatchObject({
    ALCOVE_REPORT: '/folder',
    NODE_OPTIONS: '--require=/preload.cjs',
  })
  expect(variablesOf({ ...reported, env: { NODE_OPTIONS: '--no-warnings' } })['NODE_OPTIONS']).toBe(
    '--no-warnings --require=/preload.cjs',
  )
  expect(variablesOf(reported, {}, [], '/a b/"c"\\d.cjs')['NODE_OPTIONS']).toBe(
    '--require="/a b/\\"c\\"\\\\d.cjs"',
  )
  expect(variablesOf({})).not.toHaveProperty('NODE_OPTIONS')
})

test('the markers of an outer gateway stay', () => {
  const host = { ALCOVE_INSTANCE: 'outer', ALCOVE_HOST: 'outermost' }
  expect(variablesOf({}, host)).toMatchObject({
    ALCOVE_INSTANCE: 'outer:instance',
    ALCOVE_HOST: 'outermost:host',
  })
  expect(outerMarkers({ ...host, PATH: '/bin' })).toEqual(host)
  expect(outerMarkers({ PATH: '/bin' })).toEqual({})
})
