import { describe, expect, it } from 'vitest'
import { faultOfWarmHours, type WarmHours, warmWindow } from './warm-hours.js'

const berlin: WarmHours = { from: '09:00', to: '18:00', timeZone: 'Europe/Berlin' }

function windowAt(instant: string, ...hours: readonly WarmHours[]): readonly string[] {
  const window = warmWindow(hours, Date.parse(instant))
  return window ? [window.fromMs, window.toMs].map((ms) => new Date(ms).toISOString()) : []
}

describe('warmWindow()', () => {
  it('is the window that holds the instant', () => {
    expect(windowAt('2026-11-25T12:00:00Z', berlin)).toEqual([
      '2026-11-25T08:00:00.000Z',
      '2026-11-25T17:00:00.000Z',
    ])
  })

  it.each([
    ['its first instant is in it', '2026-11-25T08:00:00Z', '2026-11-25T08:00:00.000Z'],
    ['its last is not', '2026-11-25T17:00:00Z', '2026-11-26T08:00:00.000Z'],
    ['before it, on the same day', '2026-11-25T03:00:00Z', '2026-11-25T08:00:00.000Z'],
    ['on a Friday evening', '2026-11-27T19:00:00Z', '2026-11-30T08:00:00.000Z'],
    ['on a Sunday', '2026-11-29T12:00:00Z', '2026-11-30T08:00:00.000Z'],
  ])('or the next one: %s', (_case, instant, from) => {
    expect(windowAt(instant, berlin)[0]).toBe(from)
  })

  it('goes by the clocks of the time zone, in winter and in summer', () => {
    expect(windowAt('2026-07-01T00:00:00Z', berlin)[0]).toBe('2026-07-01T07:00:00.000Z')
    // On this Monday the day in Auckland is thirteen hours ahead.
    const auckland = { ...berlin, timeZone: 'Pacific/Auckland' }
    expect(windowAt('2026-11-29T12:00:00Z', auckland)[0]).toBe('2026-11-29T20:00:00.000Z')
  })

  it('is an hour shorter, or longer, in the nights in which the clocks change', () => {
    const nights: WarmHours = {
      from: '01:00',
      to: '05:00',
      timeZone: 'Europe/Berlin',
      days: ['sun'],
    }
    const lengthOn = (instant: string): number => {
      const [from = '', to = ''] = windowAt(instant, nights)
      return (Date.parse(to) - Date.parse(from)) / 3_600_000
    }
    expect(lengthOn('2026-03-29T00:30:00Z')).toBe(3)
    expect(lengthOn('2026-10-25T00:30:00Z')).toBe(5)
    expect(lengthOn('2026-11-01T00:30:00Z')).toBe(4)
  })

  it('begins an hour later where the clocks leave its beginning out', () => {
    const gap: WarmHours = { from: '02:30', to: '12:00', timeZone: 'Europe/Berlin', days: ['sun'] }
    expect(windowAt('2026-03-29T00:00:00Z', gap)[0]).toBe('2026-03-29T01:30:00.000Z')
  })

  it('reaches into the next day', () => {
    const night: WarmHours = { from: '22:00', to: '06:00', timeZone: 'UTC', days: ['fri'] }
    expect(windowAt('2026-11-28T05:00:00Z', night)).toEqual([
      '2026-11-27T22:00:00.000Z',
      '2026-11-28T06:00:00.000Z',
    ])
    expect(windowAt('2026-11-28T06:00:00Z', night)[0]).toBe('2026-12-04T22:00:00.000Z')
    const day: WarmHours = { from: '00:00', to: '24:00', timeZone: 'UTC', days: ['sat'] }
    expect(windowAt('2026-11-28T23:59:59Z', day)[1]).toBe('2026-11-29T00:00:00.000Z')
  })

  it('takes of several hours the one that holds the instant longest, or the one that comes first', () => {
    const later: WarmHours = { ...berlin, from: '12:00', to: '20:00' }
    expect(windowAt('2026-11-25T12:00:00Z', berlin, later)[1]).toBe('2026-11-25T19:00:00.000Z')
    expect(windowAt('2026-11-25T01:00:00Z', later, berlin)[0]).toBe('2026-11-25T08:00:00.000Z')
    expect(windowAt('2026-11-25T01:00:00Z')).toEqual([])
  })
})

describe('faultOfWarmHours()', () => {
  it('finds none in what is right', () => {
    expect(faultOfWarmHours(berlin)).toBeUndefined()
    expect(faultOfWarmHours({ ...berlin, to: '24:00', days: ['sat', 'sun'] })).toBeUndefined()
  })

  it.each([
    [undefined, 'no object'],
    [{ ...berlin, from: '9:00' }, '`from`'],
    [{ ...berlin, from: '24:00' }, '`from`'],
    [{ ...berlin, to: '25:00' }, '`to`'],
    [{ ...berlin, timeZone: 'Europe/Nowhere' }, '`timeZone`'],
    [{ ...berlin, timeZone: undefined }, '`timeZone`'],
    [{ ...berlin, days: [] }, '`days`'],
    [{ ...berlin, days: ['monday'] }, '`days`'],
    [{ ...berlin, until: '18:00' }, '"until"'],
  ])('names what is wrong in %j', (hours, fault) => {
    expect(faultOfWarmHours(hours)).toContain(fault)
  })
})
