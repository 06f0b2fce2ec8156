import { describe, expect, it } from 'vitest'
import { HookFailedError, InvalidOptionError } from '../errors.js'
import { checkOptions } from '../option-check.js'
import { type AdmissionOptions, admissionRules, resolveAdmissionOptions } from './options.js'
import { thrownBy } from './test-support/admission-scene.js'

const usual = {
  maxInFlight: 16,
  maxQueued: 2048,
  queueTimeoutMs: 10_000,
  maxStreams: 512,
  streamAfterMs: 5_000,
  minBodyBytesPerSecond: 100,
  bodyRateWindowMs: 30_000,
  weight: 1,
  rateLimit: false,
}
const others = {
  maxInFlight: 1,
  maxQueued: 2,
  queueTimeoutMs: 3,
  maxStreams: 4,
  streamAfterMs: 5,
  minBodyBytesPerSecond: 6,
  bodyRateWindowMs: 7,
  weight: 8,
  rateLimit: { requestsPerSecond: 9 },
}

describe('resolveAdmissionOptions()', () => {
  it('fills in what is not given', () => {
    const { limitsFor, ...ofAll } = resolveAdmissionOptions({})
    expect(ofAll).toEqual({
      ownerRateLimit: false,
      maxWaiting: 2048,
      maxWaitingBytes: 16 * 1024 * 1024,
      maxHeld: 10_000,
      maxHeldBytes: 64 * 1024 * 1024,
      maxLoopLagMs: 100,
    })
    expect(limitsFor('a')).toEqual(usual)
  })

  it('keeps what is given', () => {
    const given = {
      ownerRateLimit: { requestsPerSecond: 1 },
      maxWaiting: 0,
      maxWaitingBytes: 0,
      maxHeld: 0,
      maxHeldBytes: 0,
      maxLoopLagMs: 6,
    }
    const { limitsFor, ...ofAll } = resolveAdmissionOptions({ ...given, ...others })
    expect(ofAll).toEqual(given)
    expect(limitsFor('a')).toEqual(others)
  })

  it('freezes what comes of it', () => {
    const options = resolveAdmissionOptions({ limitsFor: () => ({ weight: 2 }) })
    expect([options, options.limitsFor('a')].every((each) => Object.isFrozen(each))).toBe(true)
    expect(Object.isFrozen(resolveAdmissionOptions({}).limitsFor('a'))).toBe(true)
  })
})

describe('limitsFor', () => {
  it('changes what it names, for the environment that it is asked for', () => {
    const { limitsFor } = resolveAdmissionOptions({
      maxQueued: 7,
      limitsFor: ({ id }) => (id === 'a' ? { maxInFlight: 1, weight: undefined } : undefined),
    })
    expect(limitsFor('a')).toEqual({ ...usual, maxQueued: 7, maxInFlight: 1 })
    expect(limitsFor('b')).toEqual({ ...usual, maxQueued: 7 })
  })

  it('takes a rate limit back with false', () => {
    const { limitsFor } = resolveAdmissionOptions({
      rateLimit: { requestsPerSecond: 1 },
      limitsFor: ({ id }) => (id === 'a' ? { rateLimit: false } : {}),
    })
    expect(limitsFor('a').rateLimit).toBe(false)
    expect(limitsFor('b').rateLimit).toEqual({ requestsPerSecond: 1 })
  })

  it('that is asynchronous fails, since nobody waits for it', () => {
    const { limitsFor } = resolveAdmissionOptions({
      limitsFor: () => Promise.resolve({ maxInFlight: 1 }) as never,
    })
    expect(thrownBy(() => limitsFor('a'))).toMatchObject({
      id: 'a',
      code: 'ALCOVE_HOOK_FAILED',
      cause: { message: 'Expected `limitsFor` to return limits, got a promise' },
    })
  })

  it('changes all of them', () => {
    const { limitsFor } = resolveAdmissionOptions({ limitsFor: () => others })
    expect(limitsFor('a')).toEqual(others)
  })

  it.each([
    [{ maxInFlight: 0 }, /maxInFlight.*a positive whole number, or Infinity.*`0`/],
    [{ maxInflight: 1 }, /did you mean `maxInFlight`/],
    [{ maxHeld: 1 }, /has no option "maxHeld"/],
    ['none', /to be an object, got "none"/],
  ])('that returns %j fails, with the environment and the reason', (limits, reason) => {
    const { limitsFor } = resolveAdmissionOptions({ limitsFor: () => limits as never })
    const error = thrownBy(() => limitsFor('a')) as HookFailedError
    expect(error).toBeInstanceOf(HookFailedError)
    expect(error).toMatchObject({ id: 'a', code: 'ALCOVE_HOOK_FAILED' })
    expect(error.message).toBe('`limitsFor` failed for environment "a"')
    expect(error.cause).toBeInstanceOf(InvalidOptionError)
    expect(String(error.cause)).toMatch(reason)
    expect(String(error.cause)).toContain('what `limitsFor` returns for environment "a"')
  })

  it('that throws is told with its error', () => {
    const cause = new Error('no')
    const { limitsFor } = resolveAdmissionOptions({
      limitsFor: () => {
        throw cause
      },
    })
    expect(thrownBy(() => limitsFor('a'))).toMatchObject({ id: 'a', cause })
  })
})

describe('the rules', () => {
  const check = (options: object): void => checkOptions('the gateway', options, admissionRules)
  const { POSITIVE_INFINITY: none, NaN: nan } = Number

  it.each<AdmissionOptions>([
    {},
    others,
    { maxInFlight: none, maxQueued: none, queueTimeoutMs: none, maxStreams: none },
    { streamAfterMs: none, bodyRateWindowMs: none, maxLoopLagMs: none },
    { maxWaiting: none, maxWaitingBytes: none, maxHeld: none, maxHeldBytes: none },
    { maxQueued: 0, maxStreams: 0, maxWaiting: 0, maxWaitingBytes: 0, maxHeld: 0, maxHeldBytes: 0 },
    { minBodyBytesPerSecond: 0, weight: 0.1, streamAfterMs: 0.5 },
    { minBodyBytesPerSecond: 0.5, weight: 100 },
    { rateLimit: false, ownerRateLimit: false },
    { ownerRateLimit: { requestsPerSecond: 0.1, burst: 1 }, limitsFor: () => undefined },
  ])('take %o', (options) => {
    expect(() => check(options)).not.toThrow()
  })

  it.each([
    ...['maxInFlight'].flatMap((name) => [0, -1, 1.5, nan, '1'].map((value) => [name, value])),
    ...['maxQueued', 'maxStreams', 'maxWaiting', 'maxWaitingBytes', 'maxHeld', 'maxHeldBytes'].map(
      (name) => [name, -1],
    ),
    ...['maxQueued', 'maxHeldBytes'].flatMap((name) => [0.5, nan, '1'].map((at) => [name, at])),
    ...['queueTimeoutMs', 'streamAfterMs', 'bodyRateWindowMs', 'maxLoopLagMs'].flatMap((name) =>
      [0, -1, nan, '1'].map((value) => [name, value]),
    ),
    ...[-1, nan, none, '1'].map((value) => ['minBodyBytesPerSecond', value]),
    ...[0, 0.09, 101, none, nan, '1'].map((value) => ['weight', value]),
    ...['rateLimit', 'ownerRateLimit'].flatMap((name) =>
      [
        5,
        {},
        { requestsPerSecond: 0 },
        { requestsPerSecond: nan },
        { requestsPerSecond: none },
        true,
        { requestsPerSecond: 1, burst: 0.5 },
        { requestsPerSecond: 1, burst: '2' },
        { requestsPerSecond: 1, bursts: 2 },
        [],
      ].map((value) => [name, value]),
    ),
    ['limitsFor', {}],
  ])('refuse %s: %o', (name, value) => {
    expect(() => check({ [name as string]: value })).toThrow(
      new RegExp(`^Expected \`${name as string}\` of the gateway to be `),
    )
  })
})
