import { InvalidOptionError } from '../errors.js'
import { checkOptions, durationMs, type Rule } from '../option-check.js'
import { unlessAborted } from '../abort.js'
import { probeOf, type Report } from './attempt.js'
import type { ReadinessProbe } from './probe.js'
import { connects, defaultAttemptTimeoutMs } from './tcp.js'

/** Options of {@link logLineReadiness}. */
export interface LogLineReadinessOptions {
  /**
   * What one of its lines has to contain, or to match anywhere. Lines come as the log keeps them: without colours and
   * control characters, secrets redacted, cut at `maxLineLength`.
   */
  readonly pattern: string | RegExp
  /** How long to wait for the line. @default `readyTimeoutMs` alone bounds it */
  readonly timeoutMs?: number
}

/**
 * Ready as soon as the instance has printed a line.
 *
 * An instance that was started earlier (taken over, resumed, moved) prints it no more: there, a connection has to be accepted.
 *
 * @throws InvalidOptionError for an option that makes no sense.
 * @example
 * ```ts
 * const proxy = devEnvProxy({ readiness: logLineReadiness({ pattern: /listening on port \d+/ }) })
 * ```
 */
export function logLineReadiness(options: LogLineReadinessOptions): ReadinessProbe {
  checkOptions('logLineReadiness()', options, { pattern, timeoutMs: durationMs })
  if (options.pattern === undefined) {
    throw new InvalidOptionError('logLineReadiness() needs a `pattern`: the line to wait for')
  }
  const matches = lineTest(options.pattern)
  const name = String(options.pattern)
  return probeOf(options.timeoutMs, (target, signal, report) =>
    target.cause === 'started'
      ? untilLine(target.lines, matches, name, signal, report)
      : connects(target, defaultAttemptTimeoutMs, signal, report),
  )
}

const pattern: Rule = {
  expected: 'a regular expression or a non-empty string',
  holds: (value) => value instanceof RegExp || (typeof value === 'string' && value !== ''),
}

function lineTest(wanted: string | RegExp): (line: string) => boolean {
  if (typeof wanted === 'string') return (line) => line.includes(wanted)
  // "g" and "y" make test() start where the last match ended, which here was in another line.
  const stateless = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ''))
  return (line) => stateless.test(line)
}

async function untilLine(
  lines: AsyncIterable<string>,
  matches: (line: string) => boolean,
  name: string,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  let count = 0
  report(() => `none of the ${count} lines that it printed matches ${name}`)
  const reader = lines[Symbol.asyncIterator]()
  try {
    for (;;) {
      // eslint-disable-next-line no-await-in-loop -- line after line
      const line = await unlessAborted(reader.next(), signal)
      if (line.done) break
      if (matches(line.value)) return
      count += 1
    }
    // Nothing more is printed, and the line is still missing: whoever ended it says so.
    await unlessAborted(new Promise(() => {}), signal)
  } finally {
    // Not waited for: a generator that hangs in its next() never answers.
    reader.return?.().catch(() => {})
  }
}
