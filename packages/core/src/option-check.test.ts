import { describe, expect, it } from 'vitest'
import { checkOptions, count, durationMs, nearestName, oneOf } from './option-check.js'

const rules = { idleTimeoutMs: durationMs, maxEnvironments: count, mode: oneOf('a', 'b') }

describe('checkOptions()', () => {
  it.each([
    [{ idleTimeout: 5 }, 'f() has no option "idleTimeout": did you mean `idleTimeoutMs`?'],
    [
      { idleTimeoutSeconds: 5 },
      'f() has no option "idleTimeoutSeconds": did you mean `idleTimeoutMs`?',
    ],
    [{ maxEnviroments: 5 }, 'f() has no option "maxEnviroments": did you mean `maxEnvironments`?'],
    [
      { colour: 1 },
      'f() has no option "colour": it has `idleTimeoutMs`, `maxEnvironments`, `mode`',
    ],
    [
      { constructor: 1 },
      'f() has no option "constructor": it has `idleTimeoutMs`, `maxEnvironments`, `mode`',
    ],
    [
      { idleTimeoutMs: -1 },
      'Expected `idleTimeoutMs` of f() to be a positive number of milliseconds, got `-1`',
    ],
    [
      { idleTimeoutMs: '10m' },
      'Expected `idleTimeoutMs` of f() to be a positive number of milliseconds, got "10m"',
    ],
    [
      { maxEnvironments: 1.5 },
      'Expected `maxEnvironments` of f() to be a positive whole number, got `1.5`',
    ],
    [{ mode: 'c' }, 'Expected `mode` of f() to be "a" or "b", got "c"'],
    [null, 'Expected the options of f() to be an object, got `null`'],
    [[], 'Expected the options of f() to be an object, got a list'],
  ])('refuses %j in one sentence', (options, message) => {
    expect(() => checkOptions('f()', options, rules)).toThrow(message)
  })

  it('takes what is right, and undefined for not given', () => {
    checkOptions('f()', { idleTimeoutMs: 1, maxEnvironments: undefined, mode: 'a' }, rules)
  })

  it('suggests nothing for what is nothing like it', () => {
    expect(nearestName('zzz', Object.keys(rules))).toBeUndefined()
  })
})
