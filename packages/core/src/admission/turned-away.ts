import { quote } from '../errors.js'
import {
  OverloadedError,
  QueueFullError,
  QueueTimeoutError,
  SlowBodyError,
  StreamLimitError,
} from '../limit-errors.js'
import type { Line } from './line.js'

const least = 1_000
const most = 60_000

/** When there may be room again. */
function retryAfterMs(line: Line): number {
  return Math.min(most, Math.max(least, Math.ceil(line.waitMs)))
}

/** What a request gets that finds the line full. */
export function queueFull(line: Line): QueueFullError {
  const { id, limits } = line
  return new QueueFullError(
    `Environment ${quote(id)} has ${limits.maxQueued} requests waiting already, as many as \`maxQueued\` allows; try again later`,
    { limit: 'maxQueued', whose: 'environment', id, retryAfterMs: retryAfterMs(line) },
  )
}

/** What a request gets while the gateway itself has too much to do. */
export function overloaded(line: Line): OverloadedError {
  const { id } = line
  return new OverloadedError(
    `The gateway has too much to do (\`maxLoopLagMs\`), and environment ${quote(id)} asks for most of it; try again later`,
    { limit: 'maxLoopLagMs', whose: 'gateway', id, retryAfterMs: retryAfterMs(line) },
  )
}

/** What a request gets that has waited for its place as long as it may. */
export function waitedTooLong(line: Line): QueueTimeoutError {
  const { id, limits } = line
  return new QueueTimeoutError(
    `A request to environment ${quote(id)} has waited ${limits.queueTimeoutMs} ms for its turn, as long as \`queueTimeoutMs\` allows; try again later`,
    { limit: 'queueTimeoutMs', whose: 'environment', id, retryAfterMs: retryAfterMs(line) },
  )
}

/** What a request gets whose body is too slow. */
export function tooSlow({ id, limits }: Line): SlowBodyError {
  const { minBodyBytesPerSecond, bodyRateWindowMs } = limits
  return new SlowBodyError(
    `The client sent or took less than ${minBodyBytesPerSecond} bytes a second of a body of environment ${quote(id)} for ${bodyRateWindowMs} ms`,
    { limit: 'minBodyBytesPerSecond', whose: 'environment', id, retryAfterMs: 1_000 },
  )
}

/** What a request gets that would have to stream where there is no place for it. */
export function tooManyStreams({ id, limits }: Line): StreamLimitError {
  return new StreamLimitError(
    `Environment ${quote(id)} has ${limits.maxStreams} open streams already, as many as \`maxStreams\` allows; close one, or try again later`,
    { limit: 'maxStreams', whose: 'environment', id, retryAfterMs: 5_000 },
  )
}
