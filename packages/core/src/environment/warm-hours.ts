const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A day of the week. */
export type Weekday = (typeof weekdays)[number]

/**
 * Hours of the week in which an environment is kept running.
 *
 * @example
 * ```ts
 * const officeHours: WarmHours = { from: '09:00', to: '18:00', timeZone: 'Europe/Berlin' }
 * ```
 */
export interface WarmHours {
  /** `HH:MM`, 24 hours, on the clocks of {@link timeZone}. */
  readonly from: string
  /** `HH:MM`, up to `24:00`; where it is not after {@link from}, that of the next day. */
  readonly to: string
  /** A name of the IANA time zone database: `Europe/Berlin`. */
  readonly timeZone: string
  /** The days on which {@link from} is. @default ['mon', 'tue', 'wed', 'thu', 'fri'] */
  readonly days?: readonly Weekday[]
}

/** From when to when, in milliseconds since the Unix epoch. */
export interface WarmWindow {
  readonly fromMs: number
  readonly toMs: number
}

const workingDays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri']
const dayMs = 86_400_000

/** The window that holds an instant, or the next one after it. Overlapping ones are not joined. */
export function warmWindow(all: readonly WarmHours[], wallMs: number): WarmWindow | undefined {
  let best: WarmWindow | undefined
  for (const hours of all) {
    const window = nextWindow(hours, wallMs)
    if (!best || isBefore(window, best, wallMs)) best = window
  }
  return best
}

/** Why hours make no sense; `undefined`: they do. */
export function faultOfWarmHours(hours: unknown): string | undefined {
  if (typeof hours !== 'object' || hours === null) return 'an entry is no object'
  const { from, to, timeZone, days, ...others } = hours as Record<string, unknown>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return `an entry has an unknown member ${JSON.stringify(unknown)}`
  if (!isTimeOfDay(from) || from === '24:00') return '`from` is no time of day such as "09:00"'
  if (!isTimeOfDay(to)) return '`to` is no time of day such as "18:00"'
  if (!isTimeZone(timeZone)) return '`timeZone` is no time zone such as "Europe/Berlin"'
  if (days === undefined) return undefined
  const isList = Array.isArray(days) && days.length > 0
  return isList && days.every((day) => weekdays.includes(day as Weekday))
    ? undefined
    : `\`days\` is no list of ${weekdays.map((day) => `"${day}"`).join(', ')}`
}

function nextWindow({ from, to, timeZone, days }: WarmHours, wallMs: number): WarmWindow {
  const today = localMs(wallMs, timeZone)
  const midnight = today - (today % dayMs)
  // From the day before, whose window may reach into this one; a week on there is the same day again.
  for (let offset = -1; ; offset += 1) {
    const day = midnight + offset * dayMs
    const weekday = weekdays[new Date(day).getUTCDay()] as Weekday
    if ((days ?? workingDays).includes(weekday)) {
      const end = minutes(to) > minutes(from) ? day : day + dayMs
      const toMs = instantOf(end + minutes(to) * 60_000, timeZone)
      const fromMs = instantOf(day + minutes(from) * 60_000, timeZone)
      // Hours that the clocks leave out are none.
      if (toMs > wallMs && fromMs < toMs) return { fromMs, toMs }
    }
  }
}

/** One that holds the instant goes before one that does not, and of those the one that holds it longest. */
function isBefore(a: WarmWindow, b: WarmWindow, wallMs: number): boolean {
  const [aHolds, bHolds] = [a.fromMs <= wallMs, b.fromMs <= wallMs]
  if (aHolds !== bHolds) return aHolds
  return aHolds ? a.toMs > b.toMs : a.fromMs < b.fromMs
}

/** What the clocks of a time zone show at an instant, as if it were UTC. */
function localMs(atMs: number, timeZone: string): number {
  const parts = formatOf(timeZone).formatToParts(atMs)
  const of = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value)
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
}

/** When the clocks of a time zone show a time; of one that is left out in spring, the time an hour later. */
function instantOf(shownMs: number, timeZone: string): number {
  const first = shownMs - (localMs(shownMs, timeZone) - shownMs)
  const missing = shownMs - localMs(first, timeZone)
  if (missing === 0) return first
  const second = first + missing
  return localMs(second, timeZone) === shownMs ? second : Math.max(first, second)
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Made once for each time zone: that takes about as long as a thousand uses. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
  }
  return format
}

function minutes(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return hour * 60 + minute
}

function isTimeOfDay(value: unknown): value is string {
  return typeof value === 'string' && /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.test(value)
}

function isTimeZone(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    return formatOf(value) !== undefined
  } catch {
    return false
  }
}
