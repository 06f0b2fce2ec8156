import { HookFailedError, quote } from '../errors.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'

/**
 * Whether a request may start or resume an environment that does not run. Asked where it would, and answers at once; where it says
 * `false`, the answer is 503 `ALCOVE_NOT_RUNNING`.
 *
 * @example
 * ```ts
 * const shouldWake: ShouldWake = (head) => wakesByDefault(head) && head.header('x-probe') === undefined
 * ```
 */
export type ShouldWake = (head: RequestHead, match: EnvironmentMatch) => boolean

// Crawlers, those who preview links, and monitors say so, mostly with "bot" in their name. A Cubot is a telephone.
const automatons =
  /(?<!cu)bot\b|crawl|spider|slurp|facebookexternalhit|whatsapp|skypeuripreview|embedly|pingdom|uptime|statuscake|site24x7|newrelicpinger|datadog|check_http|zabbix|prometheus\/|blackbox|kube-probe|googlehc|healthcheck|health check/i

/** How browsers say that nobody has asked to see it yet (https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header; the others are older). */
const purposes = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']

/** The default of `shouldWake`: not for a crawler, a link's preview, a monitor, or a browser that prefetches. */
export function wakesByDefault(head: RequestHead): boolean {
  if (automatons.test(head.header('user-agent') ?? '')) return false
  return !purposes.some((name) => /prefetch|prerender|preview/i.test(head.header(name) ?? ''))
}

/** What the router has said goes first. @throws {@link HookFailedError} where `shouldWake` throws, or does not say */
export function mayWake(
  shouldWake: ShouldWake,
  head: RequestHead,
  match: EnvironmentMatch,
): boolean {
  const { id, wake } = match
  if (wake !== undefined) return wake
  const failed = (how: string, cause?: unknown): HookFailedError =>
    new HookFailedError(`\`shouldWake\` ${how} for environment ${quote(id)}`, { id, cause })
  let answer: unknown
  try {
    answer = shouldWake(head, match)
  } catch (cause) {
    throw failed('failed', cause)
  }
  if (typeof answer === 'boolean') return answer
  throw failed(`answered neither true nor false`)
}
