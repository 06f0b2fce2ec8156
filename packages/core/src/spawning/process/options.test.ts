import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../errors.js'
import { defaultInheritEnv } from './environment-variables.js'
import { resolveOptions } from './options.js'
import { processSpawner } from './process-spawner.js'

test('defaults are filled in and frozen', () => {
  const options = resolveOptions({})
  expect(options).toEqual({
    inheritEnv: defaultInheritEnv,
    stateDir: undefined,
    maxLogLineBytes: 8192,
    cpuShare: 0.2,
  })
  expect(Object.isFrozen(options) && Object.isFrozen(options.inheritEnv)).toBe(true)
  expect(resolveOptions({ stateDir: 'state' }).stateDir).toBe(`${process.cwd()}/state`)
})

test.each<[object, RegExp]>([
  [
    { inheritEnvs: [] },
    /processSpawner\(\) has no option "inheritEnvs": did you mean `inheritEnv`\?/,
  ],
  [{ stateDirr: '/x' }, /has no option "stateDirr": did you mean `stateDir`\?/],
  [{ inheritEnv: 'PATH' }, /`inheritEnv` .* got "PATH"/],
  [{ inheritEnv: ['PATH', 7] }, /`inheritEnv` .* to be a list of names/],
  [{ inheritEnv: ['*'] }, /got "\*", which would hand over every secret of the host/],
  [{ inheritEnv: ['A*B'] }, /got "A\*B"$/],
  [{ inheritEnv: ['A=B'] }, /got "A=B"$/],
  [{ stateDir: '' }, /`stateDir` .* to be a non-empty string/],
  [{ stateDir: '/a\0' }, /`stateDir` .* no NUL character/],
  [{ stateDir: `/${'a'.repeat(83)}` }, /`stateDir` .* at most 83 bytes, .* got 84/],
  [{ stateDir: `/${'ä'.repeat(42)}` }, /at most 83 bytes, .* got 85/],
  [{ cpuShare: 0 }, /`cpuShare` .* a number above 0 and below 1, or false .*, got `0`/],
  [{ cpuShare: 1 }, /`cpuShare` .*, got `1`/],
  [{ cpuShare: Number.NaN }, /`cpuShare` .*, got `NaN`/],
  [{ cpuShare: true }, /`cpuShare` .*, got `true`/],
  [{ maxLogLineBytes: 0 }, /`maxLogLineBytes` .* to be a positive whole number, got `0`/],
])('refused in one sentence: %j', (options, sentence) => {
  expect(() => processSpawner(options)).toThrow(InvalidOptionError)
  expect(() => processSpawner(options)).toThrow(sentence)
})
